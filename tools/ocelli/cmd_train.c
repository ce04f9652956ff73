/* ocelli train: teaches a network. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

#define SHOWN_IMAGES 10

struct train_args {
    const char *data, *data_dir, *out, *augment, *variant, *log_steps;
    int epochs, batch, optimizer, schedule, init, devices;
    int64_t steps, checkpoint_steps;
    float lr, momentum, weight_decay;
    bool resume;
};

#define NOT_GIVEN (-1)
static const struct train_args defaults = {
    .epochs = 5, .batch = 64, .momentum = NOT_GIVEN, .devices = 1};

/* In the order of the public enums. */
static const char *const optimizers[] = {"sgd", "nesterov", "rmsprop", "adagrad", "adam", NULL};
static const char *const schedules[] = {"constant", "step", "cosine", "poly", NULL};
static const char *const inits[] = {"default", "xavier", "xavier-normal", "he", "he-uniform",
                                    "lecun",   NULL};
static const enum ocelli_init_kind init_kinds[] = {OCELLI_INIT_DEFAULT,       OCELLI_INIT_XAVIER,
                                                   OCELLI_INIT_XAVIER_NORMAL, OCELLI_INIT_HE,
                                                   OCELLI_INIT_HE_UNIFORM,    OCELLI_INIT_LECUN};

#define ARG(field) offsetof(struct train_args, field)
static const struct option_spec options[] = {
    {"data", OPT_TEXT, ARG(data), .arg = "DATASET",
     .help = "the dataset, for instance fashion-mnist"},
    {"data-dir", OPT_TEXT, ARG(data_dir), .arg = "DIR",
     .help = "where its files are (default: where the system's package puts them)"},
    {"out", OPT_TEXT, ARG(out), .arg = "DIR", .help = "training directory (default ./NET-DATASET)"},
    {"resume", OPT_FLAG, ARG(resume),
     .help = "go on from the checkpoint in the training directory"},
    {"epochs", OPT_INT, ARG(epochs), 1, 100000, .arg = "N",
     .help = "times through all training images (default 5)"},
    {"steps", OPT_LONG, ARG(steps), 1, 1e15, .arg = "N",
     .help = "stop after so many batches in all"},
    {"batch", OPT_INT, ARG(batch), 1, 65536, .arg = "N", .help = "images a step (default 64)"},
    {"optimizer", OPT_WORD, ARG(optimizer), .words = optimizers, .arg = "NAME",
     .help = "how weights follow gradients (default sgd)"},
    {"lr", OPT_FLOAT, ARG(lr), 1e-12, 1e6, .arg = "X",
     .help = "learning rate (default 0.05; adagrad 0.01, rmsprop and adam 0.001)"},
    {"momentum", OPT_FLOAT, ARG(momentum), 0, 1, .arg = "X",
     .help = "momentum, adam's beta1 (default 0.9; rmsprop 0)"},
    {"weight-decay", OPT_FLOAT, ARG(weight_decay), 0, 1e6, .arg = "X",
     .help = "L2 penalty (default 0)"},
    {"schedule", OPT_WORD, ARG(schedule), .words = schedules, .arg = "NAME",
     .help = "how the learning rate falls (default constant)"},
    {"init", OPT_WORD, ARG(init), .words = inits, .arg = "NAME",
     .help = "how weights start (default: the network's own)"},
    {"checkpoint-steps", OPT_LONG, ARG(checkpoint_steps), 1, 1e15, .arg = "N",
     .help = "also save every N batches (default: after each epoch)"},
    {"log-steps", OPT_TEXT, ARG(log_steps), .arg = "FILE",
     .help = "write every step's loss there, as CSV"},
    {"augment", OPT_TEXT, ARG(augment), .arg = "LIST",
     .help = "vary the images: flip,crop[=PIXELS],color[=STRENGTH] (4 and 0.1)"},
    {"devices", OPT_INT, ARG(devices), 1, 1024, .arg = "N",
     .help = "train on N devices (1 in this version)"},
    {"variant", OPT_TEXT, ARG(variant), .arg = "LIST",
     .help = "use these kernels where they apply: ref, or conv2d/direct,gemm/ref"},
    {0},
};

/* What the callbacks share. */
struct session {
    struct cli *cli;
    const struct train_args *args;
    const char *net, *out;
    struct ocelli_dataset *train, *test;
    struct ocelli_device *dev;
    json_t *epochs;
    FILE *steps; /* of --log-steps */
    bool headed;
};

static int on_progress(void *user, const struct ocelli_train_progress *p)
{
    char left[TIME_TEXT], rate[64] = "";
    double part = p->steps > 0 ? (double)p->step / (double)p->steps : 0;
    double whole = (p->epoch - 1 + (p->testing ? 1 : part)) / (p->epochs > 0 ? p->epochs : 1);

    (void)user;
    /* There is none to tell before the second step. */
    if (p->images_per_second > 0)
        snprintf(rate, sizeof(rate), "  %.0f images/s  %s left", p->images_per_second,
                 time_text(p->seconds_left, left));
    if (p->testing)
        progress_show(whole, "epoch %d/%d  testing%s", p->epoch, p->epochs, rate);
    else
        progress_show(whole, "epoch %d/%d  loss %.4f  accuracy %.1f%%%s", p->epoch, p->epochs,
                      p->loss, 100 * p->accuracy, rate);
    return interrupted();
}

static void on_step(void *user, int64_t step, double loss)
{
    struct session *s = user;

    fprintf(s->steps, "%" PRId64 ",%.9g\n", step, loss);
}

static void on_epoch(void *user, const struct ocelli_epoch *e)
{
    struct session *s = user;

    if (s->cli->json) {
        json_array_append_new(s->epochs,
                              json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "epoch", e->epoch,
                                        "train_loss", json_number(e->train_loss), "train_accuracy",
                                        json_number(e->train_accuracy), "test_loss",
                                        json_number(e->test_loss), "test_accuracy",
                                        json_number(e->test_accuracy), "lr", json_number(e->lr),
                                        "seconds", json_number(e->seconds)));
        return;
    }
    if (s->cli->quiet)
        return;
    progress_clear();
    if (!s->headed)
        out("epoch  train loss  accuracy   test loss  accuracy  learning rate  seconds\n");
    s->headed = true;
    out("%5d  %10.4f  %6.2f %%  %10.4f  %6.2f %%  %13.6g  %7.1f\n", e->epoch, e->train_loss,
        100 * e->train_accuracy, e->test_loss, 100 * e->test_accuracy, e->lr, e->seconds);
    fflush(stdout);
}

/* "flip,crop=4,color=0.1", words left out, numbers too. */
static int read_augment(const char *list, struct ocelli_augment *out)
{
    char word[32], extra;

    for (const char *p = list; p && *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
        int n = snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, ","), p);
        bool right = n > 0 && n < (int)sizeof(word);

        if (strcmp(word, "flip") == 0)
            out->flip = true;
        else if (strcmp(word, "crop") == 0)
            out->crop = 4;
        else if (strcmp(word, "color") == 0)
            out->color = 0.1f;
        else
            right = right && (sscanf(word, "crop=%d%c", &out->crop, &extra) == 1 ||
                              sscanf(word, "color=%f%c", &out->color, &extra) == 1);
        if (!right)
            return cli_usage("--augment %s: \"%s\" is none of flip, crop, crop=PIXELS, color, "
                             "color=STRENGTH", list, word);
    }
    return EXIT_DONE;
}

/* What the contract has and this version of the library has not. */
static int refuse(const struct train_args *a)
{
    if (a->devices > 1)
        return cli_error("--devices %d: this version trains on one device", a->devices);
    return EXIT_DONE;
}

static void introduce(const struct session *s)
{
    const struct train_args *a = s->args;
    const struct ocelli_dataset_info *train = ocelli_dataset_get_info(s->train);
    const struct ocelli_dataset_info *test = ocelli_dataset_get_info(s->test);
    const struct ocelli_device_info *dev = ocelli_device_get_info(s->dev);

    if (s->cli->json || s->cli->quiet)
        return;
    out("%s on %s: %lld training and %lld test images of %dx%dx%d, %d classes\n", s->net, a->data,
        (long long)train->count, (long long)test->count, train->channels, train->height,
        train->width, train->classes);
    out("batch %d, %s, learning rate %g (%s), momentum %g, seed %llu\n", a->batch,
        optimizers[a->optimizer], a->lr, schedules[a->schedule], a->momentum,
        (unsigned long long)s->cli->seed);
    out("on %s (%s)\n\n", dev->name, dev->platform);
    fflush(stdout);
}

/* The command line again, quoted for a shell where it must be, with --resume. */
static void resume_hint(const struct session *s)
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
    struct sample sample = {0};
    struct ocelli_graph *g = NULL;
    struct ocelli_weights *w = NULL;
    struct model m;
    int status = model_find(s->out, &m), err;

    m.dir = s->out;
    if (status == EXIT_DONE && (status = model_graph(&m, false, &g)) == EXIT_DONE &&
        (status = model_weights(s->cli, &m, s->dev, g, &w)) == EXIT_DONE) {
        err = ocelli_eval(s->dev, &m.net, w, s->test,
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

/* The images shown, as files. */
static int write_samples(const struct session *s)
{
    char dir[PATH_MAX];

    if (snprintf(dir, sizeof(dir), "%s/samples", s->out) >= (int)sizeof(dir))
        return cli_error("%s: %s", s->out, strerror(ENAMETOOLONG));
    return samples_write(s->test, SHOWN_IMAGES, dir);
}

static int report(struct session *s, const struct ocelli_train_result *r)
{
    const struct train_args *a = s->args;
    const char *program = s->cli->program;

    if (s->cli->json) {
        json_t *epochs = s->epochs;

        s->epochs = NULL;
        return out_json(json_pack(
            "{s:s, s:s, s:s, s:I, s:i, s:I, s:o, s:o, s:o, s:b, s:s}", "net", s->net, "data",
            a->data, "device", ocelli_device_get_info(s->dev)->name, "parameters",
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
    out("\nIn %s: checkpoint, model.onnx, labels.txt, metrics.csv, curves.svg, and these images in samples.\n"
        "Next, for instance:\n", s->out);
    out("  %s classify %s %s/samples/*.png\n", program, s->out, s->out);
    out("  %s eval %s --data %s\n", program, s->out, a->data);
    out("  %s train %s --data %s --epochs 10 --schedule cosine --out %s-10\n", program, s->net,
        a->data, s->out);
    out("  %s bench %s --layers\n", program, s->net);
    return EXIT_DONE;
}

static int train(struct session *s)
{
    const struct train_args *a = s->args;
    struct ocelli_train_params p = {
        .net = s->net,
        .init = init_kinds[a->init],
        .epochs = a->epochs,
        .steps = a->steps,
        .batch = a->batch,
        .optimizer = {.kind = (enum ocelli_optimizer)a->optimizer,
                      .momentum = a->momentum,
                      .weight_decay = a->weight_decay},
        .lr = a->lr,
        .schedule = (enum ocelli_schedule)a->schedule,
        .seed = s->cli->seed,
        .out_dir = s->out,
        .resume = a->resume,
        .checkpoint_steps = a->checkpoint_steps,
        .variant = a->variant,
        .progress = on_progress,
        .epoch_done = on_epoch,
        .user = s,
    };
    int wrong = read_augment(a->augment, &p.augment);
    if (wrong != EXIT_DONE)
        return wrong;
    struct ocelli_train_result r = {0};
    int err;

    if (a->log_steps) {
        if (!(s->steps = fopen(a->log_steps, "w")))
            return cli_error("%s: cannot write: %s", a->log_steps, strerror(errno));
        fprintf(s->steps, "step,loss\n");
        p.step_done = on_step;
    }
    progress_begin(s->cli);
    interrupt_catch();
    progress_show(0, "compiling kernels");
    err = ocelli_train(s->dev, s->train, s->test, &p, &r);
    progress_end();
    if (s->steps && (ferror(s->steps) | fclose(s->steps)) != 0)
        return cli_error("%s: cannot write: %s", a->log_steps, strerror(errno));
    if (err == OCELLI_ERR_CANCELLED) {
        cli_error("train: interrupted; saved %s/checkpoint", s->out);
        resume_hint(s);
        return EXIT_INTERRUPTED;
    }
    if (err)
        return cli_failed(NULL, err);
    int status = write_samples(s);
    return status == EXIT_DONE ? report(s, &r) : status;
}

/* What the optimiser makes of options that were not given. */
static struct train_args with_defaults(const struct train_args *args)
{
    static const struct {
        float lr, momentum;
    } usual[] = {{0.05f, 0.9f}, {0.05f, 0.9f}, {0.001f, 0}, {0.01f, 0}, {0.001f, 0.9f}};
    struct train_args a = *args;
    a.lr = a.lr != 0 ? a.lr : usual[a.optimizer].lr;
    a.momentum = a.momentum != NOT_GIVEN ? a.momentum : usual[a.optimizer].momentum;
    return a;
}

static int run(struct cli *cli, const void *args)
{
    const struct train_args given = with_defaults(args), *a = &given;
    struct session s = {.cli = cli, .args = a, .net = cli->operand[0], .epochs = json_array()};
    char default_out[256];
    int status, err = 0;

    if (!a->data)
        status = cli_usage("train: needs --data DATASET");
    else
        status = refuse(a);
    if (status != EXIT_DONE)
        goto out;
    snprintf(default_out, sizeof(default_out), "%s-%s", s.net, a->data);
    s.out = a->out ? a->out : default_out;
    if ((status = net_check(s.net)) != EXIT_DONE)
        goto out;
    if ((err = ocelli_dataset_open(&s.train, a->data, a->data_dir, OCELLI_TRAIN)) != 0 ||
        (err = ocelli_dataset_open(&s.test, a->data, a->data_dir, OCELLI_TEST)) != 0) {
        status = cli_failed(NULL, err);
        goto out;
    }
    if ((status = device_get(cli, false, &s.dev)) != EXIT_DONE)
        goto out;
    introduce(&s);
    status = train(&s);
out:
    json_decref(s.epochs);
    ocelli_dataset_close(&s.train);
    ocelli_dataset_close(&s.test);
    return device_done(cli, &s.dev, status);
}

const struct command cmd_train = {
    .name = "train",
    .operands = "NET",
    .summary = "Train a network on a dataset",
    .details =
        "NET is one of those that 'ocelli info' lists. The training directory gets checkpoint (all that --resume\n"
        "needs), model.onnx, labels.txt, metrics.csv and curves.svg, and some test images in samples.\n"
        "The first Ctrl-C stops and saves, a second one kills.\n",
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(defaults),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
