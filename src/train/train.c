/* The training loop. A step is one run of a plan that holds forward pass, gradients and update, or
 * several of one that leaves the update to another; this file decides which batch and learning rate
 * each step gets, adds up what comes back and has the files written. */
#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/err.h"
#include "train/run.h"

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

/* What a batch's results add to the run. */
static int count_batch(struct run *r, const struct feed_step *s, const struct batch *b,
                       double *loss)
{
    double correct = 0;
    for (int i = 0; i < b->count; i++) {
        *loss += s->out[OUT_LOSS][i];
        correct += s->out[OUT_CORRECT][i];
    }
    r->at.correct += correct;
    if (!r->p.log_gradients || r->feed.taken % r->p.accumulate != 0)
        return 0;
    return gradlog_add(&r->gradients, steps_done(r) + 1, s->out[OUT_NORMS]);
}

/* All batches of the oldest step. */
static int take(struct run *r, double *since)
{
    const struct feed_step *s;
    struct batch b;
    int err = 0;
    TRY(feed_take(&r->feed, &s, &b));
    TRY(count_batch(r, s, &b, &r->step_loss));
    if (r->feed.taken % r->p.accumulate != 0)
        return 0;
    double loss = r->step_loss;
    r->step_loss = 0;
    r->at.loss += loss;
    r->at.step++;
    double now = clock_seconds();
    if (++r->steps_here > FEED_DEPTH) { /* in the first ones drivers still compile */
        r->step_seconds += now - *since;
        r->steps_timed++;
    }
    *since = now;
    if (r->p.step_done)
        r->p.step_done(r->p.user, steps_done(r), loss / r->p.batch);
    tell(r, false, r->at.step, r->epoch_steps);
out:
    return err;
}

/* Trains up to that step of the epoch, or until a callback says stop; nothing is in work
 * afterwards, and no step is half done. */
static int train_to(struct run *r, int64_t target)
{
    int err = 0, parts = r->p.accumulate;
    int64_t first = r->at.history.n * r->epoch_steps, given = r->at.step * parts;
    double since = clock_seconds();
    while (given < target * parts && (!r->stop || given % parts != 0)) {
        bool more;
        if (feed_full(&r->feed)) {
            TRY(take(r, &since));
            continue;
        }
        TRY(feed_give(&r->feed, schedule_lr(&r->schedule, first + given / parts), &more));
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
            TRY(run_save(r));
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
        .lr = schedule_lr(&r->schedule, last),
        .seconds = clock_seconds() - r->epoch_start,
    };
    TRY(history_add(&r->at.history, &e));
    r->at.step = 0;
    r->at.loss = r->at.correct = 0;
    TRY(run_save(r));
    TRY(run_write_curves(r));
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
    err = r->at.step == r->epoch_steps ? run_save(r) : 0; /* elsewhere it is saved where we stand */
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
    struct run r = {.train = train, .test = test};
    TRY(run_setup(&r, dev, p));
    r.start = clock_seconds();
    err = train_all(&r);
    if (!err)
        err = conclude(&r, &res);
    res.seconds = clock_seconds() - r.start;
    res.parameters = ocelli_graph_parameters(r.lane[0].graph);
    res.epochs_done = r.at.history.n;
    res.steps_done = steps_done(&r);
    res.resumed = r.resumed;
    if (result)
        *result = res;
out:
    run_free(&r);
    return err;
}
