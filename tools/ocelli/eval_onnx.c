/* Accuracy of an .onnx file's network on a dataset. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct eval {
    struct ocelli_graph *g;
    struct ocelli_plan *plan;
    struct ocelli_port in, out;
    int64_t batch, classes, image; /* image: pixels of one */
    float *pixels, *scores;
    uint8_t *bytes;
    int *labels;
};

/* With the batch asked for where the network can take it, else with the file's. */
static int load(struct eval *e, const struct model *m, const struct ocelli_dataset_info *info, int batch)
{
    const struct ocelli_shape shape =
        OCELLI_SHAPE(batch, info->channels, info->height, info->width);
    const char *every = NULL;
    int err = ocelli_onnx_load(&e->g, m->onnx,
                               &(struct ocelli_onnx_params){.names = &every, .shapes = &shape, .n = 1});

    if (err == OCELLI_ERR_SHAPE || err == OCELLI_ERR_UNSUPPORTED)
        err = ocelli_onnx_load(&e->g, m->onnx, &(struct ocelli_onnx_params){.batch = batch});
    return err ? cli_failed(NULL, err) : EXIT_DONE;
}

static int check(struct eval *e, const struct model *m, const struct ocelli_dataset_info *info)
{
    const int64_t *d = e->in.shape.dim;
    char text[SHAPE_TEXT];
    int64_t n = 1;

    if (ocelli_graph_inputs(e->g) != 1 || ocelli_graph_input(e->g, 0, &e->in) != 0 ||
        ocelli_graph_output(e->g, 0, &e->out) != 0)
        return cli_error("%s: has %d inputs; a classifier of images has one", m->onnx,
                         ocelli_graph_inputs(e->g));
    if (e->in.dtype != OCELLI_F32 || e->in.shape.rank != 4 || d[1] != info->channels ||
        d[2] != info->height || d[3] != info->width)
        return cli_error("%s: takes %s %s, the images of %s are %dx%dx%d", m->onnx,
                         dtype_text(e->in.dtype), shape_text(&e->in.shape, text), info->name,
                         info->channels, info->height, info->width);
    for (int i = 0; i < e->out.shape.rank; i++)
        n *= e->out.shape.dim[i];
    e->batch = d[0];
    e->image = d[1] * d[2] * d[3];
    e->classes = n / e->batch;
    if (e->out.dtype != OCELLI_F32 || e->out.shape.rank < 2 || e->out.shape.dim[0] != e->batch ||
        e->classes < info->classes)
        return cli_error("%s: gives %s %s, not a score for each of %d classes", m->onnx,
                         dtype_text(e->out.dtype), shape_text(&e->out.shape, text), info->classes);
    e->pixels = calloc((size_t)(e->batch * e->image), sizeof(*e->pixels));
    e->bytes = calloc((size_t)e->image, 1);
    e->scores = calloc((size_t)n, sizeof(*e->scores));
    e->labels = calloc((size_t)e->batch, sizeof(*e->labels));
    if (!e->pixels || !e->bytes || !e->scores || !e->labels)
        return cli_error("%s: out of memory", m->onnx);
    return EXIT_DONE;
}

/* One batch from image `first` on; how many of its images count. Negative: an error code. */
static int run_batch(struct eval *e, const struct ocelli_dataset *ds, int64_t first, float scale)
{
    int64_t left = ocelli_dataset_get_info(ds)->count - first, n = left < e->batch ? left : e->batch;
    struct ocelli_tensor *in = ocelli_plan_tensor(e->plan, e->in.name);
    struct ocelli_tensor *out = ocelli_plan_tensor(e->plan, e->out.name);
    int err = 0;

    for (int64_t i = 0; !err && i < n; i++) {
        err = ocelli_dataset_get(ds, first + i, e->bytes, &e->labels[i]);
        for (int64_t k = 0; k < e->image; k++)
            e->pixels[i * e->image + k] = (float)e->bytes[k] * scale;
    }
    if (!err)
        err = ocelli_tensor_write(in, e->pixels, ocelli_tensor_bytes(in));
    if (!err)
        err = ocelli_plan_run(e->plan);
    if (!err)
        err = ocelli_tensor_read(out, e->scores, ocelli_tensor_bytes(out));
    return err ? err : (int)n;
}

/* How many classes are likelier than the label's; ties go to the lower class. A NaN is never right. */
static int64_t rank_of(const float *score, int64_t classes, int label)
{
    int64_t rank = 0;

    for (int64_t c = 0; c < classes; c++)
        rank += !(score[c] < score[label]) && c != label && !(score[c] == score[label] && c > label);
    return isnan(score[label]) ? classes : rank;
}

int eval_onnx(const struct model *m, struct ocelli_device *dev, const struct ocelli_dataset *ds, float scale,
              const struct ocelli_eval_params *p, struct ocelli_eval_result *r)
{
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(ds);
    struct eval e = {0};
    double start;
    int status, err;

    *r = (struct ocelli_eval_result){.loss = NAN};
    if ((status = load(&e, m, info, p->batch)) != EXIT_DONE ||
        (status = check(&e, m, info)) != EXIT_DONE)
        goto out;
    err = ocelli_plan_create(&e.plan, dev, e.g, &(struct ocelli_plan_params){.variant = p->variant, .storage = p->storage});
    start = now_seconds();
    while (!err && r->count < info->count) {
        int n = run_batch(&e, ds, r->count, scale);

        if (n < 0) {
            err = n;
            break;
        }
        for (int i = 0; i < n; i++) {
            int64_t rank = rank_of(e.scores + i * e.classes, e.classes, e.labels[i]);

            r->accuracy += rank == 0;
            r->top_k += rank < p->top;
        }
        r->count += n;
        if (p->progress && p->progress(p->user, r->count, info->count) != 0) {
            cli_error("eval: interrupted");
            status = EXIT_INTERRUPTED;
            goto out;
        }
    }
    if (err) {
        status = cli_failed(NULL, err);
        goto out;
    }
    r->accuracy /= (double)r->count;
    r->top_k /= (double)r->count;
    r->seconds = now_seconds() - start;
out:
    free(e.pixels);
    free(e.bytes);
    free(e.scores);
    free(e.labels);
    ocelli_plan_destroy(&e.plan);
    ocelli_graph_destroy(&e.g);
    return status;
}
