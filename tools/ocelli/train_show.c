/* ocelli train: what it says before and after. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "train_session.h"

#define SHOWN_IMAGES 10
#define MAX_SHOWN 64 /* larger ones do not fit on a terminal */

void train_introduce(const struct session *s)
{
    const struct train_args *a = s->args;
    const struct ocelli_dataset_info *train = ocelli_dataset_get_info(s->train);
    const struct ocelli_dataset_info *test = ocelli_dataset_get_info(s->test);
    const struct ocelli_device_info *dev = ocelli_device_get_info(s->dev[0]);

    if (s->cli->json || s->cli->quiet)
        return;
    out("%s on %s: %lld training and %lld test images of %dx%dx%d, %d classes\n", s->net,
        a->data.name, (long long)train->count, (long long)test->count, train->channels,
        train->height, train->width, train->classes);
    out("%d epoch%s, batch %d, %s, learning rate %g (%s), momentum %g", a->epochs,
        a->epochs == 1 ? "" : "s", a->batch, train_optimizers[a->optimizer], a->lr,
        train_schedules[a->schedule], a->momentum);
    if (a->weight_decay > 0)
        out(", weight decay %g", a->weight_decay);
    if (a->augment)
        out(", augment %s", a->augment);
    out(", seed %llu\n", (unsigned long long)s->cli->seed);
    if (a->devices > 1)
        out("on %d devices like %s (%s)\n\n", a->devices, dev->name, dev->platform);
    else
        out("on %s (%s)\n\n", dev->name, dev->platform);
    fflush(stdout);
}

void train_resume_hint(const struct session *s)
{
    fprintf(stderr, "ocelli: go on with:");
    for (char **w = s->cli->argv; *w; w++) {
        bool plain = **w && strspn(*w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-_./=+:,@%") == strlen(*w);

        fputc(' ', stderr);
        if (plain) {
            fputs(*w, stderr);
            continue;
        }
        fputc('\'', stderr);
        for (const char *c = *w; *c; c++)
            fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, stderr);
        fputc('\'', stderr);
    }
    fprintf(stderr, "%s\n", s->args->resume ? "" : " --resume");
}

struct sample {
    int predicted[SHOWN_IMAGES];
    int count;
};

static void on_prediction(void *user, int64_t i, int label, int predicted)
{
    struct sample *p = user;

    (void)label;
    if (i >= SHOWN_IMAGES)
        return;
    p->predicted[i] = predicted;
    p->count = (int)i + 1;
}

/* The first batch is all that is wanted. */
static int enough(void *user, int64_t done, int64_t count)
{
    (void)count;
    (void)done;
    return ((struct sample *)user)->count >= SHOWN_IMAGES;
}

/* Ten test images as the checkpoint that was written sees them. */
static int show_images(const struct session *s)
{
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(s->test);
    struct sample sample = {0};
    struct ocelli_graph *g = NULL;
    struct ocelli_weights *w = NULL;
    struct model m;
    int status = model_find(s->out, &m), err;

    if (info->height > MAX_SHOWN || info->width > MAX_SHOWN)
        return EXIT_DONE;
    m.dir = s->out;
    if (status == EXIT_DONE && (status = model_graph(&m, false, &g)) == EXIT_DONE &&
        (status = model_weights(s->cli, &m, s->dev[0], g, &w)) == EXIT_DONE) {
        err = ocelli_eval(s->dev[0], &m.net, w, s->test,
                          &(struct ocelli_eval_params){.prediction = on_prediction,
                                                       .variant = s->args->variant,
                                                       .progress = enough,
                                                       .user = &sample},
                          &(struct ocelli_eval_result){0});
        if (err && err != OCELLI_ERR_CANCELLED)
            status = cli_failed(NULL, err);
    }
    if (status == EXIT_DONE) {
        out("\nTest images, what they are and what the network takes them for:\n\n");
        draw_images(s->test, sample.count, sample.predicted);
    }
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
    return status;
}

int train_samples(const struct session *s)
{
    char dir[PATH_MAX];

    if (snprintf(dir, sizeof(dir), "%s/samples", s->out) >= (int)sizeof(dir))
        return cli_error("%s: %s", s->out, strerror(ENAMETOOLONG));
    return samples_write(s->test, SHOWN_IMAGES, dir);
}

int train_report(struct session *s, const struct ocelli_train_result *r)
{
    const struct train_args *a = s->args;
    const char *program = s->cli->program;

    if (s->cli->json) {
        json_t *epochs = s->epochs;

        s->epochs = NULL;
        return out_json(json_pack(
            "{s:s, s:s, s:s, s:I, s:i, s:I, s:o, s:o, s:o, s:b, s:s}", "net", s->net, "data",
            a->data.name, "device", ocelli_device_get_info(s->dev[0])->name, "parameters",
            (json_int_t)r->parameters, "batch", a->batch, "steps", (json_int_t)r->steps_done,
            "epochs", epochs, "test_accuracy", json_number(r->test_accuracy), "seconds",
            json_number(r->seconds), "resumed", (int)r->resumed, "out", s->out));
    }
    out("%stest accuracy %.2f %%", s->cli->quiet ? "" : "\n", 100 * r->test_accuracy);
    if (s->cli->quiet) {
        out("\n");
        return EXIT_DONE;
    }
    out(" after %lld steps in %.1f s, %lld parameters\n", (long long)r->steps_done, r->seconds,
        (long long)r->parameters);
    int status = show_images(s);
    if (status != EXIT_DONE)
        return status;
    out("\nIn %s: checkpoint, model.onnx, labels.txt, metrics.csv, curves.svg%s, and these images "
        "in samples.\n"
        "Next, for instance:\n",
        s->out, s->args->log_gradients ? ", gradients.csv, gradients.svg" : "");
    out("  %s classify %s %s/samples/*.png\n", program, s->out, s->out);
    out("  %s eval %s --data %s\n", program, s->out, a->data.name);
    out("  %s train %s --data %s --epochs 10 --schedule cosine --out %s-10\n", program, s->net,
        a->data.name, s->out);
    out("  %s bench %s --layers\n", program, s->net);
    return EXIT_DONE;
}
