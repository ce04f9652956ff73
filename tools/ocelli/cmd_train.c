/* ocelli train: teaches a network. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train_session.h"

#define MAX_DEVICES 64

#define NOT_GIVEN (-1)
static const struct train_args defaults = {
    .epochs = 5, .batch = 64, .momentum = NOT_GIVEN, .accumulate = 1, .devices = 1};

/* In the order of the public enums. */
const char *const train_optimizers[] = {"sgd", "nesterov", "rmsprop", "adagrad", "adam", NULL};
const char *const train_schedules[] = {"constant", "step", "cosine", "poly", NULL};
static const char *const inits[] = {"default", "xavier", "xavier-normal", "he", "he-uniform",
                                    "lecun",   NULL};
static const enum ocelli_init_kind init_kinds[] = {OCELLI_INIT_DEFAULT,       OCELLI_INIT_XAVIER,
                                                   OCELLI_INIT_XAVIER_NORMAL, OCELLI_INIT_HE,
                                                   OCELLI_INIT_HE_UNIFORM,    OCELLI_INIT_LECUN};

#define ARG(field) offsetof(struct train_args, field)
static const struct option_spec options[] = {
    DATA_OPTIONS(ARG(data)),
    {"out", OPT_TEXT, ARG(out), .arg = "DIR", .help = "training directory (default ./NET-DATASET)"},
    {"resume", OPT_FLAG, ARG(resume),
     .help = "go on from the checkpoint in the training directory"},
    {"epochs", OPT_INT, ARG(epochs), 1, 100000, .arg = "N",
     .help = "times through all training images (default 5)"},
    {"steps", OPT_LONG, ARG(steps), 1, 1e15, .arg = "N",
     .help = "stop after so many batches in all"},
    {"batch", OPT_INT, ARG(batch), 1, 65536, .arg = "N", .help = "images a step (default 64)"},
    {"accumulate", OPT_INT, ARG(accumulate), 1, 65536, .arg = "N",
     .help = "..in N parts, one after the other: the same gradient in less memory"},
    {"optimizer", OPT_WORD, ARG(optimizer), .words = train_optimizers, .arg = "NAME",
     .help = "how weights follow gradients (default sgd)"},
    {"lr", OPT_FLOAT, ARG(lr), 1e-12, 1e6, .arg = "X",
     .help = "learning rate (default 0.05; adagrad 0.01, rmsprop and adam 0.001)"},
    {"momentum", OPT_FLOAT, ARG(momentum), 0, 1, .arg = "X",
     .help = "momentum, adam's beta1 (default 0.9; rmsprop 0)"},
    {"weight-decay", OPT_FLOAT, ARG(weight_decay), 0, 1e6, .arg = "X",
     .help = "L2 penalty (default 0)"},
    {"decoupled", OPT_FLAG, ARG(decoupled),
     .help = "take it from the weights instead of adding it to the gradients"},
    {"clip-norm", OPT_FLOAT, ARG(clip_norm), 1e-12, 1e30, .arg = "X",
     .help = "scale the gradients so that their norm is at most X"},
    {"clip-value", OPT_FLOAT, ARG(clip_value), 1e-12, 1e30, .arg = "X",
     .help = "cut each gradient to -X..X"},
    {"label-smoothing", OPT_FLOAT, ARG(smoothing), 0, 0.999999, .arg = "X",
     .help = "part of each label that goes to all classes (default 0)"},
    {"schedule", OPT_WORD, ARG(schedule), .words = train_schedules, .arg = "NAME",
     .help = "how the learning rate falls (default constant)"},
    {"warmup", OPT_LONG, ARG(warmup), 1, 1e15, .arg = "N",
     .help = "steps in which it rises before that (default none)"},
    {"init", OPT_WORD, ARG(init), .words = inits, .arg = "NAME",
     .help = "how weights start (default: the network's own)"},
    {"checkpoint-steps", OPT_LONG, ARG(checkpoint_steps), 1, 1e15, .arg = "N",
     .help = "also save every N batches (default: after each epoch)"},
    {"keep-best", OPT_FLAG, ARG(keep_best),
     .help = "also write best.onnx: the network after its best epoch"},
    {"log-steps", OPT_TEXT, ARG(log_steps), .arg = "FILE",
     .help = "write every step's loss there, as CSV"},
    {"log-gradients", OPT_FLAG, ARG(log_gradients),
     .help = "write the norms of each layer's gradients, and a picture of them"},
    {"memory-cap", OPT_SIZE, ARG(cap), .arg = "BYTES",
     .help = "use no more of the device (also 500M, 2G): compute values twice"},
    {"augment", OPT_TEXT, ARG(augment), .arg = "LIST",
     .help = "vary the images: flip,crop[=PIXELS],color[=STRENGTH] (4 and 0.1)"},
    {"devices", OPT_INT, ARG(devices), 1, MAX_DEVICES, .arg = "N",
     .help = "divide each batch among N devices (default 1)"},
    {"variant", OPT_TEXT, ARG(variant), .arg = "LIST",
     .help = "use these kernels where they apply: ref, or conv2d/direct,gemm/ref"},
    {0},
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

/* Where a run goes on, the log does: rows of steps that are done again are cut off. */
static void log_from(FILE *f, int64_t step)
{
    char line[64];
    long end = 0;

    while (fgets(line, sizeof(line), f) && strchr(line, '\n') &&
           (end == 0 || strtoll(line, NULL, 10) < step))
        end = ftell(f);
    fseek(f, end, SEEK_SET);
    if (ftruncate(fileno(f), end) == 0 && end == 0)
        fprintf(f, "step,loss\n");
}

static void on_step(void *user, int64_t step, double loss)
{
    struct session *s = user;

    if (!s->logging)
        log_from(s->steps, step);
    s->logging = true;
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

static int train(struct session *s)
{
    const struct train_args *a = s->args;
    struct ocelli_train_params p = {
        .net = s->net,
        .init = init_kinds[a->init],
        .epochs = a->epochs,
        .steps = a->steps,
        .batch = a->batch,
        .accumulate = a->accumulate,
        .more = s->dev + 1,
        .n_more = a->devices - 1,
        .optimizer = {.kind = (enum ocelli_optimizer)a->optimizer,
                      .momentum = a->momentum,
                      .weight_decay = a->weight_decay,
                      .decoupled = a->decoupled,
                      .clip_value = a->clip_value,
                      .clip_norm = a->clip_norm},
        .lr = a->lr,
        .schedule = (enum ocelli_schedule)a->schedule,
        .warmup = a->warmup,
        .smoothing = a->smoothing,
        .log_gradients = a->log_gradients,
        .memory_cap = a->cap,
        .seed = s->cli->seed,
        .out_dir = s->out,
        .keep_best = a->keep_best,
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
        bool on = a->resume && access(a->log_steps, F_OK) == 0;
        if (!(s->steps = fopen(a->log_steps, on ? "r+" : "w")))
            return cli_error("%s: cannot write: %s", a->log_steps, strerror(errno));
        if (!on)
            fprintf(s->steps, "step,loss\n");
        s->logging = !on;
        setvbuf(s->steps, NULL, _IOLBF, 0);
        p.step_done = on_step;
    }
    progress_begin(s->cli);
    interrupt_catch();
    progress_show(0, "compiling kernels");
    err = ocelli_train(s->dev[0], s->train, s->test, &p, &r);
    progress_end();
    if (s->args->data.skip_bad)
        data_report(s->cli, s->train, s->test);
    if (s->steps && (ferror(s->steps) | fclose(s->steps)) != 0)
        return cli_error("%s: cannot write: %s", a->log_steps, strerror(errno));
    if (err == OCELLI_ERR_CANCELLED) {
        cli_error("train: interrupted; saved %s/checkpoint", s->out);
        train_resume_hint(s);
        return EXIT_INTERRUPTED;
    }
    if (err)
        return cli_failed(NULL, err);
    int status = train_samples(s);
    return status == EXIT_DONE ? train_report(s, &r) : status;
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

/* Both splits, as large as the network's own images where they may be of any size. */
static int open_data(struct session *s)
{
    struct model m;
    int image[3], status = model_find(s->net, &m);

    if (status == EXIT_DONE)
        status = model_image(&m, image);
    if (status == EXIT_DONE)
        status = data_open(s->cli, &s->args->data, image, OCELLI_TRAIN, &s->train);
    if (status == EXIT_DONE)
        status = data_open(s->cli, &s->args->data, image, OCELLI_TEST, &s->test);
    return status;
}

static int run(struct cli *cli, const void *args)
{
    const struct train_args given = with_defaults(args), *a = &given;
    struct ocelli_device *dev[MAX_DEVICES] = {NULL};
    struct session s = {
        .cli = cli, .args = a, .net = cli->operand[0], .dev = dev, .epochs = json_array()};
    char default_out[256];
    int status;

    if (!a->data.name) {
        status = cli_usage("train: needs --data DATASET");
        goto out;
    }
    snprintf(default_out, sizeof(default_out), "%s-%s", s.net, a->data.name);
    s.out = a->out ? a->out : default_out;
    if ((status = net_check(s.net)) != EXIT_DONE || (status = open_data(&s)) != EXIT_DONE ||
        (status = devices_get(cli, a->devices, dev)) != EXIT_DONE)
        goto out;
    train_introduce(&s);
    status = train(&s);
out:
    json_decref(s.epochs);
    ocelli_dataset_close(&s.train);
    ocelli_dataset_close(&s.test);
    return devices_done(cli, dev, a->devices, status);
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
