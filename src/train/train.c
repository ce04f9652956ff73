/* The training loop. A step is one run of a plan that holds forward pass, gradients and update;
 * this file decides which batch and learning rate each step gets, adds up what comes back and keeps
 * the files.
 *
 * struct run.at is where the run stands by the results taken so far; it is saved only when no step
 * is in work, so that weights and position belong together. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ocelli/onnx.h>
#include <ocelli/train.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/dataset.h"
#include "train/checkpoint.h"
#include "train/eval.h"
#include "train/feed.h"
#include "train/schedule.h"

#define EPOCHS 5
#define BATCH 64
#define LR 0.05f
#define MAX_EPOCHS 1000000

enum { OUT_LOSS, OUT_CORRECT, OUTPUTS };

static const char *const optimizers[] = {"sgd", "nesterov", "rmsprop", "adagrad", "adam"};

struct run {
    struct ocelli_train_params p; /* defaults filled in */
    struct ocelli_device *dev;
    const struct ocelli_dataset *train, *test;
    struct ocelli_net_params net;
    struct pairs words; /* what makes it this run and no other */
    struct ocelli_graph *graph;
    struct ocelli_weights *weights;
    struct ocelli_plan *plan;
    struct feed feed;
    struct evaluator eval;
    struct position at;
    int64_t epoch_steps, all_steps; /* in an epoch; in all epochs, by which the schedule counts */
    char *checkpoint, *model, *metrics, *curves, *labels, *title;
    struct arena arena;
    double start, epoch_start;
    double step_seconds, test_seconds; /* spent on the steps timed; by the last test */
    int64_t steps_here, steps_timed;   /* done in this call; of them timed */
    bool stop, resumed;
};

static int64_t steps_done(const struct run *r)
{
    return r->at.history.n * r->epoch_steps + r->at.step;
}

/* ---- Setting up ---- */

static int check_params(struct run *r, const struct ocelli_train_params *params)
{
    struct ocelli_train_params *p = &r->p;
    *p = *params;
    p->epochs = p->epochs ? p->epochs : EPOCHS;
    p->batch = p->batch ? p->batch : BATCH;
    p->lr = p->lr != 0 ? p->lr : LR;
    if (p->epochs < 1 || p->epochs > MAX_EPOCHS || p->batch < 1 || p->steps < 0 ||
        p->checkpoint_steps < 0)
        return fail(OCELLI_ERR_INVALID,
                    "train: %d epochs, batch %d, %" PRId64 " steps: out of range", p->epochs,
                    p->batch, p->steps);
    if (!isfinite(p->lr) || p->lr < 0 || !schedule_name(p->schedule) ||
        (unsigned)p->optimizer.kind >= COUNT(optimizers))
        return fail(OCELLI_ERR_INVALID,
                    "train: learning rate %g, schedule %d, optimizer %d: no such thing",
                    (double)p->lr, (int)p->schedule, (int)p->optimizer.kind);
    if (p->resume && !p->out_dir)
        return fail(OCELLI_ERR_INVALID, "train: to resume, the directory of the run must be given");
    const struct ocelli_dataset_info *in = ocelli_dataset_get_info(r->train);
    r->net = (struct ocelli_net_params){.batch = p->batch,
                                        .channels = in->channels,
                                        .height = in->height,
                                        .width = in->width,
                                        .classes = in->classes,
                                        .init = p->init};
    r->epoch_steps = loader_steps(r->train, p->batch, true);
    r->all_steps = r->epoch_steps * p->epochs;
    if (r->epoch_steps < 1)
        return fail(OCELLI_ERR_INVALID,
                    "train: %s has %" PRId64 " images, fewer than a batch of %d", in->name,
                    in->count, p->batch);
    return 0;
}

static int add_data(struct pairs *w, const char *key, const struct ocelli_dataset *ds)
{
    struct hasher h;
    char hex[33];
    int err = hasher_init(&h);
    if (err)
        return err;
    hasher_add(&h, ds->images.data, ds->images.bytes);
    hasher_add(&h, ds->labels.data, ds->labels.bytes);
    hasher_finish(&h, hex);
    pairs_add(w, key, "%s, %" PRId64 " images, %s", ds->info.name, ds->info.count, hex);
    return 0;
}

/* Epochs matter to what a run computes only through a schedule that depends on them: a run with a
 * constant learning rate can be made longer. */
static int describe(struct run *r)
{
    int err = 0;
    struct pairs *w = &r->words;
    const struct ocelli_train_params *p = &r->p;
    pairs_add(w, "net", "%s", p->net);
    pairs_add(w, "channels", "%d", r->net.channels);
    pairs_add(w, "height", "%d", r->net.height);
    pairs_add(w, "width", "%d", r->net.width);
    pairs_add(w, "classes", "%d", r->net.classes);
    pairs_add(w, "init", "%d", (int)p->init);
    pairs_add(w, "batch", "%d", p->batch);
    pairs_add(w, "seed", "%" PRIu64, p->seed);
    pairs_add(w, "optimizer", "%s", optimizers[p->optimizer.kind]);
    pairs_add(w, "momentum", "%.9g", (double)p->optimizer.momentum);
    pairs_add(w, "weight_decay", "%.9g", (double)p->optimizer.weight_decay);
    if (p->optimizer.kind >= OCELLI_RMSPROP)
        pairs_add(w, "adaptive", "%.9g %.9g %d", (double)p->optimizer.decay,
                  (double)p->optimizer.epsilon, p->optimizer.decoupled);
    if (p->augment.flip || p->augment.crop || p->augment.color != 0)
        pairs_add(w, "augment", "%d %d %.9g", p->augment.flip, p->augment.crop,
                  (double)p->augment.color);
    pairs_add(w, "lr", "%.9g", (double)p->lr);
    pairs_add(w, "schedule", "%s", schedule_name(p->schedule));
    if (p->schedule == OCELLI_CONSTANT)
        pairs_add(w, "schedule_epochs", "any");
    else
        pairs_add(w, "schedule_epochs", "%d", p->epochs);
    TRY(add_data(w, "data", r->train));
    if (r->test)
        TRY(add_data(w, "test_data", r->test));
    else
        pairs_add(w, "test_data", "none");
    TRY(w->err);
out:
    return err;
}

static int name_files(struct run *r)
{
    const struct {
        char **path;
        const char *file;
    } files[] = {
        {&r->checkpoint, "checkpoint"}, {&r->model, "model.onnx"},
        {&r->metrics, "metrics.csv"}, {&r->curves, "curves.svg"}, {&r->labels, "labels.txt"}};
    if (!r->p.out_dir)
        return 0;
    for (size_t i = 0; i < COUNT(files); i++) {
        *files[i].path = arena_printf(&r->arena, "%s/%s", r->p.out_dir, files[i].file);
        if (!*files[i].path)
            return OCELLI_ERR_MEMORY;
    }
    r->title =
        arena_printf(&r->arena, "%s on %s", r->p.net, ocelli_dataset_get_info(r->train)->name);
    return r->title ? 0 : OCELLI_ERR_MEMORY;
}

/* Opens the checkpoint to go on from; NULL when there is none. */
static int open_checkpoint(struct run *r, struct safetensors **st)
{
    int err = 0;
    *st = NULL;
    if (!r->p.resume || (access(r->checkpoint, F_OK) != 0 && errno == ENOENT))
        return 0;
    TRY(checkpoint_open(st, r->checkpoint));
    TRY(checkpoint_same_run(*st, r->checkpoint, &r->words));
    TRY(checkpoint_position(*st, r->checkpoint, &r->at));
    if (r->at.step > r->epoch_steps || (r->at.history.n >= r->p.epochs && r->at.step > 0)) {
        err = fail(OCELLI_ERR_FORMAT,
                   "%s: stands at epoch %d, step %" PRId64 ", beyond this run's end", r->checkpoint,
                   r->at.history.n + 1, r->at.step);
        goto out;
    }
    metrics_read_seconds(r->metrics, &r->at.history);
    r->resumed = true;
out:
    return err;
}

static int build(struct run *r)
{
    static const char *const outputs[OUTPUTS] = {[OUT_LOSS] = "loss", [OUT_CORRECT] = "correct"};
    int err = 0;
    struct safetensors *st = NULL;
    TRY(open_checkpoint(r, &st));
    struct ocelli_net_params net = r->net;
    net.training = true;
    net.seed = (int)(r->p.seed & 0xffffff); /* room for the number of the layer */
    TRY(ocelli_net(&r->graph, r->p.net, &net));
    TRY(ocelli_optimize(r->graph, ocelli_net_loss(r->graph), &r->p.optimizer));
    TRY(ocelli_graph_status(r->graph));
    TRY(ocelli_weights_create(&r->weights, r->dev, r->graph, r->p.seed));
    if (st)
        TRY(checkpoint_weights(st, r->checkpoint, r->weights));
    TRY(ocelli_plan_create(
        &r->plan, r->dev, r->graph,
        &(struct ocelli_plan_params){.weights = r->weights, .variant = r->p.variant}));
    TRY(feed_init(&r->feed, r->dev, r->plan, outputs, OUTPUTS, true));
    if (r->test)
        TRY(evaluator_init(&r->eval, r->dev, r->p.net, &r->net, r->weights, r->test,
                           &(struct ocelli_eval_params){.variant = r->p.variant}, 0));
    TRY(loader_create(&r->feed.loader, r->train,
                      &(struct loader_params){.batch = r->p.batch,
                                              .shuffle = true,
                                              .seed = r->p.seed,
                                              .augment = r->p.augment,
                                              .epoch = r->at.history.n,
                                              .step = r->at.step}));
out:
    safetensors_close(&st);
    return err;
}

/* ---- Files ---- */

/* The network as it predicts, with a batch that is left open. */
static int write_model(struct run *r)
{
    int err;
    struct ocelli_graph *g = NULL;
    struct ocelli_net_params net = r->net;
    net.batch = 1;
    TRY(ocelli_net(&g, r->p.net, &net));
    TRY(ocelli_onnx_save(g, r->weights, r->model, "N"));
out:
    ocelli_graph_destroy(&g);
    return err;
}

static int save(struct run *r)
{
    int err = 0;
    if (!r->checkpoint)
        return 0;
    TRY(checkpoint_save(r->checkpoint, &r->words, &r->at, r->weights));
    TRY(write_model(r));
out:
    return err;
}

static int write_curves(struct run *r)
{
    int err = 0;
    if (r->p.out_dir) {
        TRY(metrics_write(r->metrics, &r->at.history));
        TRY(curves_write(r->curves, r->title, &r->at.history));
    }
out:
    return err;
}

/* The names of the classes, one a line. */
static int write_labels(const struct run *r)
{
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(r->train);
    struct text t = {0};
    int err = 0;
    for (int c = 0; c < info->classes; c++)
        text_add(&t, "%s\n", info->class_names[c]);
    err = t.failed ? fail_memory() : file_replace(r->labels, t.s, t.len, 0666);
    text_free(&t);
    return err;
}

/* Also at the very start, so that a directory that cannot be written is noticed before the work,
 * and an older run's checkpoint is not taken for this one's. */
static int first_files(struct run *r)
{
    int err = 0;
    if (r->p.out_dir && !r->resumed)
        TRY(save(r));
    if (r->p.out_dir)
        TRY(write_labels(r));
    TRY(write_curves(r));
out:
    return err;
}

/* ---- Steps ---- */

/* The step at which this epoch or the whole run ends. */
static int64_t last_step(const struct run *r)
{
    int64_t left = r->p.steps ? r->p.steps - r->at.history.n * r->epoch_steps : r->epoch_steps;
    return MAX(MIN(left, r->epoch_steps), 0);
}

static void tell(struct run *r, bool testing, int64_t done, int64_t total)
{
    if (!r->p.progress || r->stop)
        return;
    int64_t end = r->p.steps ? MIN(r->p.steps, r->all_steps) : r->all_steps;
    double images = (double)r->at.step * r->p.batch;
    double a_step = r->steps_timed ? r->step_seconds / (double)r->steps_timed : 0;
    int tests = r->p.epochs - r->at.history.n;
    double seconds = clock_seconds();
    struct ocelli_train_progress pr = {
        .epoch = r->at.history.n + 1,
        .epochs = r->p.epochs,
        .step = done,
        .steps = total,
        .loss = r->at.step ? r->at.loss / images : 0,
        .accuracy = r->at.step ? r->at.correct / images : 0,
        .images_per_second = a_step > 0 ? r->p.batch / a_step : 0,
        .seconds = seconds - r->start,
        .seconds_left = a_step * (double)MAX(end - steps_done(r), 0) + tests * r->test_seconds,
        .testing = testing,
    };
    if (r->p.progress(r->p.user, &pr) != 0)
        r->stop = true;
}

static int take(struct run *r, double *since)
{
    const struct feed_step *s;
    struct batch b;
    int err = feed_take(&r->feed, &s, &b);
    if (err)
        return err;
    double loss = 0, correct = 0;
    for (int i = 0; i < b.count; i++) {
        loss += s->out[OUT_LOSS][i];
        correct += s->out[OUT_CORRECT][i];
    }
    r->at.loss += loss;
    r->at.correct += correct;
    r->at.step++;
    double now = clock_seconds();
    if (++r->steps_here > FEED_DEPTH) { /* in the first ones drivers still compile */
        r->step_seconds += now - *since;
        r->steps_timed++;
    }
    *since = now;
    if (r->p.step_done)
        r->p.step_done(r->p.user, steps_done(r), loss / b.count);
    tell(r, false, r->at.step, r->epoch_steps);
    return 0;
}

/* Trains up to that step of the epoch, or until a callback says stop; nothing is in work
 * afterwards. */
static int train_to(struct run *r, int64_t target)
{
    int err = 0;
    int64_t first = r->at.history.n * r->epoch_steps, given = r->at.step;
    double since = clock_seconds();
    while (given < target && !r->stop) {
        bool more;
        if (feed_full(&r->feed)) {
            TRY(take(r, &since));
            continue;
        }
        float lr = schedule_lr(r->p.schedule, r->p.lr, first + given, r->all_steps);
        TRY(feed_give(&r->feed, lr, &more));
        given++;
    }
    while (!feed_empty(&r->feed))
        TRY(take(r, &since));
out:
    return err;
}

static int train_epoch(struct run *r)
{
    int err = 0;
    int64_t end = last_step(r), every = r->p.checkpoint_steps;
    while (r->at.step < end && !r->stop) {
        int64_t target = end;
        if (every) /* up to the next multiple of it, counted over all epochs */
            target = MIN(end, r->at.step + every - steps_done(r) % every);
        TRY(train_to(r, target));
        if (r->at.step < r->epoch_steps) /* at an epoch's end it is saved with the test's result */
            TRY(save(r));
    }
out:
    return err;
}

static int on_test(void *user, int64_t done, int64_t count)
{
    struct run *r = user;
    tell(r, true, done, count);
    return r->stop;
}

static int run_test(struct run *r, struct ocelli_eval_result *out)
{
    int err = 0;
    *out = (struct ocelli_eval_result){.loss = NAN, .accuracy = NAN};
    if (r->test) {
        struct ocelli_eval_params p = {.progress = on_test, .user = r};
        TRY(evaluator_run(&r->eval, &p, out));
        r->test_seconds = out->seconds;
    }
out:
    return err;
}

/* Tests, and turns the epoch in work into a finished one. A test that is stopped is done again
 * after a resume: the position saved is the one before it. */
static int end_epoch(struct run *r)
{
    int err = 0;
    struct ocelli_eval_result t;
    double images = (double)r->epoch_steps * r->p.batch;
    TRY(run_test(r, &t));
    int64_t last = (r->at.history.n + 1) * r->epoch_steps - 1;
    struct ocelli_epoch e = {
        .epoch = r->at.history.n + 1,
        .train_loss = r->at.loss / images,
        .train_accuracy = r->at.correct / images,
        .test_loss = t.loss,
        .test_accuracy = t.accuracy,
        .lr = schedule_lr(r->p.schedule, r->p.lr, last, r->all_steps),
        .seconds = clock_seconds() - r->epoch_start,
    };
    TRY(history_add(&r->at.history, &e));
    r->at.step = 0;
    r->at.loss = r->at.correct = 0;
    TRY(save(r));
    TRY(write_curves(r));
    if (r->p.epoch_done)
        r->p.epoch_done(r->p.user, &e);
out:
    return err;
}

/* Epoch by epoch to the end, the limit of steps, or a stop. */
static int train_all(struct run *r)
{
    int err = 0;
    while (r->at.history.n < r->p.epochs && !r->stop) {
        r->epoch_start = clock_seconds();
        TRY(train_epoch(r));
        if (r->at.step < r->epoch_steps)
            break;
        if (!r->stop)
            TRY(end_epoch(r));
    }
out:
    if (!r->stop || (err && err != OCELLI_ERR_CANCELLED))
        return err;
    err = r->at.step == r->epoch_steps ? save(r) : 0; /* elsewhere it is saved where we stand */
    return err ? err
               : fail(OCELLI_ERR_CANCELLED,
                      "training: stopped in epoch %d after step %" PRId64 " of %" PRId64,
                      MIN(r->at.history.n + 1, r->p.epochs), r->at.step, r->epoch_steps);
}

/* After an epoch its test counts; in the middle of one the weights as they are get a test of their
 * own, which is no part of the run. */
static int conclude(struct run *r, struct ocelli_train_result *result)
{
    int err = 0;
    struct ocelli_eval_result t = {.accuracy = NAN};
    if (r->at.history.n > 0 && r->at.step == 0)
        t.accuracy = r->at.history.row[r->at.history.n - 1].test_accuracy;
    else
        TRY(run_test(r, &t));
    result->test_accuracy = t.accuracy;
out:
    return err;
}

int ocelli_train(struct ocelli_device *dev, const struct ocelli_dataset *train,
                 const struct ocelli_dataset *test, const struct ocelli_train_params *p,
                 struct ocelli_train_result *result)
{
    int err = 0;
    struct ocelli_train_result res = {.test_accuracy = NAN};
    if (!dev || !train || !p || !p->net)
        return fail(OCELLI_ERR_INVALID, "train: device, data and the name of a network are needed");
    struct run r = {.dev = dev, .train = train, .test = test};
    TRY(check_params(&r, p));
    TRY(describe(&r));
    TRY(name_files(&r));
    if (p->out_dir)
        TRY(dir_create(p->out_dir, 0777));
    TRY(build(&r));
    TRY(first_files(&r));
    r.start = clock_seconds();
    err = train_all(&r);
    if (!err)
        err = conclude(&r, &res);
    res.seconds = clock_seconds() - r.start;
    res.parameters = ocelli_graph_parameters(r.graph);
    res.epochs_done = r.at.history.n;
    res.steps_done = steps_done(&r);
    res.resumed = r.resumed;
    if (result)
        *result = res;
out:
    feed_cancel(&r.feed);
    loader_destroy(&r.feed.loader);
    feed_finish(&r.feed);
    evaluator_finish(&r.eval);
    ocelli_plan_destroy(&r.plan);
    ocelli_weights_destroy(&r.weights);
    ocelli_graph_destroy(&r.graph);
    history_free(&r.at.history);
    pairs_free(&r.words);
    arena_free(&r.arena);
    return err;
}
