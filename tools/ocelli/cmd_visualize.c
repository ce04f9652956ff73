/* ocelli visualize: what a network has learnt, as pictures. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "visualize.h"

#define MAX_CLASSES 200 /* more do not fit into one picture */

static const struct visualize_args defaults = {.top = 9};

#define ARG(field) offsetof(struct visualize_args, field)
static const struct option_spec options[] = {
    {"out", OPT_TEXT, ARG(out), .arg = "DIR",
     .help = "the folder for the pictures and index.html; it must be given"},
    {"image", OPT_TEXT, ARG(image), .arg = "FILE",
     .help = "a picture (JPEG, PNG): its feature maps, and what the strongest ones answer to"},
    {"layer", OPT_TEXT, ARG(layer), .arg = "NAME",
     .help = "the convolution whose maps are shown (default: the first)"},
    {"top", OPT_INT, ARG(top), 1, 64, .arg = "N",
     .help = "send the strongest values of N maps back to the image (default 9)"},
    {"preprocess", OPT_TEXT, ARG(preprocess), .arg = "HOW",
     .help = "how the picture is prepared, as for classify"},
    {"input", OPT_SHAPE, ARG(input), .arg = "NxCxHxW",
     .help = "the network's input, where its file leaves it open"},
    DATA_OPTIONS(ARG(data)),
    {0},
};
#undef ARG

/* ---- The confusion matrix ---- */

struct confusion {
    int64_t *counts;
    int n;
};

static void count(void *user, int64_t i, int label, int predicted)
{
    struct confusion *c = user;
    (void)i;
    if (label >= 0 && label < c->n && predicted >= 0 && predicted < c->n)
        c->counts[label * c->n + predicted]++;
}

static int evaluate(struct visualize *v, struct confusion *c, struct ocelli_eval_result *r)
{
    const struct ocelli_eval_params p = {.batch = 500, .prediction = count, .user = c};
    if (v->m.onnx)
        return eval_onnx(&v->m, v->dev, v->ds, 1 / 255.0f, &p, r);
    int err = ocelli_eval(v->dev, &v->m.net, v->w, v->ds, &p, r);
    return err ? cli_failed(NULL, err) : EXIT_DONE;
}

int show_confusion(struct visualize *v)
{
    struct ocelli_eval_result r;
    int status;
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(v->ds);
    struct confusion c = {calloc((size_t)info->classes * (size_t)info->classes, sizeof(int64_t)),
                          info->classes};
    if (info->classes > MAX_CLASSES)
        status = cli_error("--data %s: %d classes, no more than %d fit", info->name, info->classes,
                           MAX_CLASSES);
    else if (!c.counts)
        status = cli_error("visualize: out of memory");
    else if ((status = evaluate(v, &c, &r)) == EXIT_DONE) {
        const char *path = page_add(&v->page, "confusion.svg", "Which class is taken for which");
        page_say(&v->page,
                 "%lld test images of %s, %.2f %% are right. Rows: what they are; columns: what "
                 "they are taken for.",
                 (long long)r.count, info->name, 100 * r.accuracy);
        status = path ? matrix_write(c.counts, c.n, info->class_names, path) : EXIT_FAILED;
    }
    free(c.counts);
    return status;
}

/* ---- Curves ---- */

/* A file of the training directory; none: training has not written one. */
static int show_copy(struct visualize *v, const char *file, const char *title)
{
    char from[PATH_MAX], block[4096], *text = NULL;
    size_t bytes = 0, n;
    int status = EXIT_DONE;
    snprintf(from, sizeof(from), "%s/%s", v->m.dir, file);
    FILE *f = fopen(from, "rb"), *copy = f ? open_memstream(&text, &bytes) : NULL;
    if (!f)
        return EXIT_DONE;
    while (copy && (n = fread(block, 1, sizeof(block), f)) > 0)
        fwrite(block, 1, n, copy);
    bool bad = ferror(f) || !copy;
    fclose(f);
    if ((copy && fclose(copy) != 0) || bad)
        status = cli_error("%s: cannot read", from);
    const char *path = status == EXIT_DONE ? page_add(&v->page, file, title) : NULL;
    if (path)
        status = file_write(path, text, bytes);
    free(text);
    return status;
}

/* Training drew them, from its metrics.csv and gradients.csv, after each epoch. */
static int show_curves(struct visualize *v)
{
    int status = show_copy(v, "curves.svg", "Training");
    return status == EXIT_DONE ? show_copy(v, "gradients.svg", "Norms of the gradients") : status;
}

/* ---- All of it ---- */

static int load(struct visualize *v)
{
    int status, image[3];
    if (v->args->data.name) {
        if ((status = model_image(&v->m, image)) != EXIT_DONE ||
            (status = data_open(v->cli, &v->args->data, image, OCELLI_TEST, &v->ds)) != EXIT_DONE)
            return status;
        data_report(v->cli, v->ds, NULL);
        model_fit(&v->m, ocelli_dataset_get_info(v->ds));
    }
    if ((status = model_graph(&v->m, false, &v->g)) != EXIT_DONE ||
        (status = device_get(v->cli, false, &v->dev)) != EXIT_DONE)
        return status;
    return model_weights(v->cli, &v->m, v->dev, v->g, &v->w);
}

static int report(struct visualize *v)
{
    json_t *files = json_array();
    for (int i = 0; i < v->page.n; i++)
        if (*v->page.section[i].file)
            json_array_append_new(files, json_string(v->page.section[i].file));
    if (v->cli->json)
        return out_json(json_pack("{s:s, s:s, s:o}", "model", v->m.net.net, "out", v->args->out,
                                  "files", files));
    json_decref(files);
    if (!v->cli->quiet)
        out("%s/index.html: %d sections\n", v->args->out, v->page.n);
    return EXIT_DONE;
}

static int run(struct cli *cli, const void *args)
{
    struct visualize v = {.cli = cli, .args = args};
    int status;

    if (!v.args->out)
        return cli_usage("visualize: needs --out DIR");
    if ((status = model_find(cli->operand[0], &v.m)) != EXIT_DONE)
        return status;
    model_input(&v.m, v.args->input);
    v.page.dir = v.args->out;
    snprintf(v.page.heading, sizeof(v.page.heading), "%s%s", v.m.net.net,
             v.m.dir || v.m.onnx ? "" : ", not trained");
    if ((status = load(&v)) != EXIT_DONE)
        goto out;
    if (mkdir(v.args->out, 0777) != 0 && errno != EEXIST) {
        status = cli_error("--out %s: cannot make it: %s", v.args->out, strerror(errno));
        goto out;
    }
    status = show_filters(&v);
    if (status == EXIT_DONE && v.args->image)
        status = show_image(&v);
    if (status == EXIT_DONE && v.ds)
        status = show_confusion(&v);
    if (status == EXIT_DONE && v.m.dir)
        status = show_curves(&v);
    if (status == EXIT_DONE && (status = page_write(&v.page)) == EXIT_DONE)
        status = report(&v);
out:
    ocelli_dataset_close(&v.ds);
    ocelli_weights_destroy(&v.w);
    ocelli_graph_destroy(&v.g);
    return device_done(cli, &v.dev, status);
}

const struct command cmd_visualize = {
    .name = "visualize",
    .operands = "MODEL",
    .summary = "Show what a network has learnt, as pictures",
    .details =
        "MODEL is a training directory, an .onnx file, or a network's name for one with random\n"
        "weights. DIR/index.html shows the filters of the first convolution; with --image the\n"
        "feature maps of a layer and a deconvnet's projections of the strongest ones; with --data\n"
        "the confusion matrix; of a training directory the curves.\n",
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(defaults),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
