/* Training as a whole, on a small dataset made here: does it learn, and does it give the same bytes
 * whatever happens on the way? */
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ocelli/ocelli.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "idxfile.h"
#include "tempdir.h"
#include "test.h"
#include "train/schedule.h"

#define TRAIN 200
#define TEST 70
#define BATCH 16
#define EPOCH_STEPS (TRAIN / BATCH)
#define SIDE 28

static char dir[64];
static struct ocelli_device *dev;
static struct ocelli_dataset *train, *test;

/* Image n shows a bright bar at a height that tells its class, in noise. */
static uint8_t pixel(size_t i)
{
    size_t n = i / (SIDE * SIDE), y = i / SIDE % SIDE;
    bool bar = y / 2 == n % 10 + 2;
    return (uint8_t)((bar ? 150 : 0) + (int)(random_at(9, 9, i) % 60));
}

static uint8_t label(size_t i)
{
    return (uint8_t)(i % 10);
}

static void setup(void)
{
    tempdir_make(dir);
    put_dataset(dir, "train", TRAIN, SIDE, SIDE, true, pixel, label);
    put_dataset(dir, "t10k", TEST, SIDE, SIDE, true, pixel, label);
    assert_ok(ocelli_dataset_open(&train, "mnist", dir, OCELLI_TRAIN));
    assert_ok(ocelli_dataset_open(&test, "mnist", dir, OCELLI_TEST));
    assert_ok(ocelli_device_open(&dev, NULL));
}

static void teardown(void)
{
    ocelli_device_close(&dev);
    ocelli_dataset_close(&train);
    ocelli_dataset_close(&test);
    tempdir_remove(dir);
}

static const char *in_dir(const char *name)
{
    static char path[8][256];
    static int i;
    i = (i + 1) % 8;
    snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
    return path[i];
}

static char *slurp(const char *path, size_t *bytes)
{
    char *s;
    assert_ok(file_read(path, 64 << 20, &s, bytes));
    return s;
}

static void assert_same_file(const char *a, const char *b)
{
    size_t n, m;
    char *x = slurp(a, &n), *y = slurp(b, &m);
    ck_assert_msg(n == m && memcmp(x, y, n) == 0, "%s and %s differ", a, b);
    ck_assert_uint_gt(n, 1000);
    free(x);
    free(y);
}

/* Without the last column, seconds. */
static char *metrics(const char *path)
{
    size_t n;
    char *s = slurp(path, &n), *to = s;
    for (char *line = s; *line;) {
        char *end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        *end = 0;
        size_t keep = (size_t)(strrchr(line, ',') - line);
        memmove(to, line, keep);
        to[keep] = '\n';
        to += keep + 1;
        line = end + 1;
    }
    *to = 0;
    return s;
}

static struct ocelli_train_params base_params(const char *out)
{
    return (struct ocelli_train_params){.net = "lenet5",
                                        .epochs = 3,
                                        .batch = BATCH,
                                        .seed = 11,
                                        .lr = 0.02f,
                                        .out_dir = out,
                                        .schedule = OCELLI_COSINE,
                                        .optimizer = {.momentum = 0.9f, .weight_decay = 1e-4f}};
}

struct seen {
    int64_t steps, stop_at; /* stop_at: steps in this call, 0: never */
    int calls, epochs, tests;
    double first, last;
    bool ordered, in_test;
};

static int on_progress(void *user, const struct ocelli_train_progress *p)
{
    struct seen *s = user;
    s->calls++;
    s->tests += p->testing;
    ck_assert(p->epoch >= 1 && p->epoch <= p->epochs && p->step <= p->steps);
    if (s->in_test)
        return p->testing;
    return s->stop_at && s->steps >= s->stop_at;
}

static void on_epoch(void *user, const struct ocelli_epoch *e)
{
    struct seen *s = user;
    s->epochs++;
    ck_assert(isfinite(e->train_loss) && e->test_accuracy >= 0 && e->test_accuracy <= 1);
}

static void on_step(void *user, int64_t step, double loss)
{
    struct seen *s = user;
    if (!s->steps++) {
        s->first = loss;
        s->ordered = true;
    } else {
        s->ordered &= step > 0;
    }
    s->last = loss;
}

static void watch(struct ocelli_train_params *p, struct seen *s)
{
    *s = (struct seen){0};
    p->progress = on_progress;
    p->epoch_done = on_epoch;
    p->step_done = on_step;
    p->user = s;
}

START_TEST(test_learns_and_repeats)
{
    struct ocelli_train_result r, again;
    struct seen s;
    struct ocelli_train_params p = base_params(in_dir("a"));
    watch(&p, &s);
    assert_ok(ocelli_train(dev, train, test, &p, &r));
    ck_assert_int_eq(r.parameters, 61706);
    ck_assert_int_eq(r.epochs_done, 3);
    ck_assert_int_eq(r.steps_done, 3 * EPOCH_STEPS);
    ck_assert(!r.resumed && r.seconds > 0);
    ck_assert_int_eq(s.steps, 3 * EPOCH_STEPS);
    ck_assert_int_eq(s.epochs, 3);
    ck_assert(s.ordered && s.tests > 0);
    ck_assert(s.first > 1.5 && s.first < 5); /* ln 10 = 2.3 for a guess */
    ck_assert_msg(s.last < s.first / 2, "loss %g, then %g", s.first, s.last);
    ck_assert_msg(r.test_accuracy > 0.8, "accuracy %g", r.test_accuracy);
    p = base_params(in_dir("b"));
    p.checkpoint_steps = 5;
    assert_ok(ocelli_train(dev, train, test, &p, &again));
    ck_assert(again.test_accuracy == r.test_accuracy);
    assert_same_file(in_dir("a/checkpoint"), in_dir("b/checkpoint"));
    assert_same_file(in_dir("a/curves.svg"), in_dir("b/curves.svg"));
    ck_assert_int_eq(tempdir_entries(in_dir("a")), 5);
    p = base_params(in_dir("c"));
    p.seed++;
    p.epochs = 1;
    assert_ok(ocelli_train(dev, train, test, &p, &again));
    size_t n, m;
    char *x = slurp(in_dir("a/checkpoint"), &n), *y = slurp(in_dir("c/checkpoint"), &m);
    ck_assert(n != m || memcmp(x, y, n) != 0);
    free(x);
    free(y);
}
END_TEST

/* Stopped at that step of the run and gone on with, again and again. */
static void interrupted(const char *out, const int64_t *stops, int n, bool in_test)
{
    struct seen s;
    struct ocelli_train_result r;
    struct ocelli_train_params p = base_params(out);
    for (int i = 0; i < n; i++) {
        watch(&p, &s);
        s.stop_at = stops[i];
        s.in_test = in_test;
        p.resume = i > 0;
        assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_CANCELLED, "stopped");
        ck_assert(r.resumed == (i > 0));
        if (!in_test)
            ck_assert(s.steps >= stops[i] && s.steps <= stops[i] + 4);
    }
    p = base_params(out);
    p.resume = true;
    assert_ok(ocelli_train(dev, train, test, &p, &r));
    ck_assert(r.resumed);
    ck_assert_int_eq(r.steps_done, 3 * EPOCH_STEPS);
}

START_TEST(test_resume)
{
    struct ocelli_train_params p = base_params(in_dir("a"));
    struct ocelli_train_result r, part;
    assert_ok(ocelli_train(dev, train, test, &p, &r));
    interrupted(in_dir("b"), (int64_t[]){3, 9, 10}, 3, false);
    assert_same_file(in_dir("a/checkpoint"), in_dir("b/checkpoint"));
    assert_same_file(in_dir("a/curves.svg"), in_dir("b/curves.svg"));
    interrupted(in_dir("c"), (int64_t[]){1, 1}, 2, true);
    assert_same_file(in_dir("a/checkpoint"), in_dir("c/checkpoint"));
    char *x = metrics(in_dir("a/metrics.csv")), *y = metrics(in_dir("b/metrics.csv"));
    ck_assert_str_eq(x, y);
    ck_assert(strncmp(x, "epoch,train_loss,train_accuracy,test_loss,test_accuracy,lr\n1,", 61) ==
              0);
    free(x);
    free(y);
    /* A limit of steps is a stop too, with a test of what there is; at an epoch's end as well. */
    p = base_params(in_dir("d"));
    p.steps = 17;
    assert_ok(ocelli_train(dev, train, test, &p, &part));
    ck_assert(part.steps_done == 17 && part.epochs_done == 1 && part.test_accuracy >= 0);
    p.resume = true;
    p.steps = 2 * EPOCH_STEPS;
    assert_ok(ocelli_train(dev, train, test, &p, &part));
    ck_assert(part.steps_done == 2 * EPOCH_STEPS && part.epochs_done == 2);
    p.steps = 0;
    assert_ok(ocelli_train(dev, train, test, &p, &part));
    assert_same_file(in_dir("a/checkpoint"), in_dir("d/checkpoint"));
    ck_assert(part.test_accuracy == r.test_accuracy);
    assert_ok(ocelli_train(dev, train, test, &p, &part)); /* nothing left to do */
    ck_assert(part.test_accuracy == r.test_accuracy && part.steps_done == r.steps_done);
    assert_same_file(in_dir("a/checkpoint"), in_dir("d/checkpoint"));
}
END_TEST

START_TEST(test_resume_refused)
{
    struct ocelli_train_result r;
    struct ocelli_train_params p = base_params(in_dir("a"));
    p.epochs = 2;
    p.steps = 3;
    assert_ok(ocelli_train(dev, train, NULL, &p, &r));
    ck_assert(isnan(r.test_accuracy));
    size_t n, m;
    char *was = slurp(in_dir("a/checkpoint"), &n), *is;
    p.resume = true;
    const struct {
        struct ocelli_train_params p;
        const char *words;
    } others[] = {
#define OTHER(field, value, words)         \
    {({                                    \
         struct ocelli_train_params q = p; \
         q.field = value;                  \
         q;                                \
     }),                                   \
     words}
        OTHER(net, "lenet5-1998", "its net is lenet5, now it is lenet5-1998"),
        OTHER(batch, 8, "batch"),
        OTHER(seed, 12, "seed is 11, now it is 12"),
        OTHER(lr, 0.03f, "lr"),
        OTHER(schedule, OCELLI_POLY, "schedule"),
        OTHER(epochs, 4, "schedule_epochs is 2, now it is 4"),
        OTHER(init, OCELLI_INIT_XAVIER, "init"),
        OTHER(optimizer.kind, OCELLI_NESTEROV, "optimizer"),
        OTHER(optimizer.momentum, 0.5f, "momentum"),
        OTHER(optimizer.weight_decay, 0, "weight_decay"),
#undef OTHER
    };
    for (size_t i = 0; i < COUNT(others); i++)
        assert_fails(ocelli_train(dev, train, NULL, &others[i].p, &r), OCELLI_ERR_FORMAT,
                     others[i].words);
    assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_FORMAT, "test_data");
    assert_fails(ocelli_train(dev, test, NULL, &p, &r), OCELLI_ERR_FORMAT, "data");
    is = slurp(in_dir("a/checkpoint"), &m);
    ck_assert(n == m && memcmp(was, is, n) == 0); /* left as it was */
    free(is);
    for (int i = 0; i < 40; i++) { /* damaged anywhere, or cut short */
        size_t at = (size_t)(random_at(1, 2, (uint64_t)i) % n);
        was[at] ^= 4;
        put_file(in_dir("a/checkpoint"), was, i % 2 ? n : at);
        was[at] ^= 4;
        ck_assert_msg(ocelli_train(dev, train, NULL, &p, &r) == OCELLI_ERR_FORMAT, "byte %zu", at);
        ck_assert_ptr_nonnull(strstr(ocelli_error(), "a/checkpoint: "));
        struct ocelli_trained t;
        ck_assert_int_eq(ocelli_trained_read(in_dir("a"), &t), OCELLI_ERR_FORMAT);
    }
    free(was);
}
END_TEST

START_TEST(test_bad_requests)
{
    struct ocelli_train_result r;
    struct ocelli_train_params p = base_params(NULL);
    p.net = "lenet6";
    assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_INVALID, "lenet5, lenet5-1998");
    p = base_params(NULL);
    p.resume = true;
    assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_INVALID, "directory");
    p = base_params(NULL);
    p.lr = NAN;
    assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_INVALID, "learning rate");
    p = base_params(NULL);
    p.batch = TRAIN + 1;
    assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_INVALID, "batch of 201");
    p = base_params(in_dir("t10k-images-idx3-ubyte.gz/out"));
    assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_IO, "Not a directory");
    p = base_params("/dev/null/out");
    assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_IO, "/dev/null");
    ck_assert_int_eq(mkdir(in_dir("full"), 0700), 0);
    ck_assert_int_eq(mkdir(in_dir("full/checkpoint"), 0700), 0); /* in the way of the file */
    p = base_params(in_dir("full"));
    assert_fails(ocelli_train(dev, train, test, &p, &r), OCELLI_ERR_IO,
                 "full/checkpoint: cannot replace");
    ck_assert_int_eq(tempdir_entries(in_dir("full")), 1);
    struct ocelli_trained t;
    assert_fails(ocelli_trained_read(in_dir("none"), &t), OCELLI_ERR_IO,
                 "none/checkpoint: cannot open");
}
END_TEST

static int64_t room_until; /* step after which files may not grow */

static void fill_disk(void *user, int64_t step, double loss)
{
    (void)loss;
    struct rlimit *small = user;
    if (step == room_until)
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, small), 0);
}

/* No room while saving: an IO error that names the file, the last good checkpoint stays, and from
 * it the run goes on to the same bytes. */
START_TEST(test_disk_full)
{
    struct ocelli_train_result r;
    struct ocelli_train_params p = base_params(in_dir("a"));
    assert_ok(ocelli_train(dev, train, test, &p, &r));
    struct rlimit was, small;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = 100000;
    room_until = EPOCH_STEPS + 2;
    p = base_params(in_dir("b"));
    p.step_done = fill_disk;
    p.user = &small;
    int err = ocelli_train(dev, train, test, &p, &r);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
    ck_assert_int_eq(err, OCELLI_ERR_IO);
    ck_assert_ptr_nonnull(strstr(ocelli_error(), "/b/checkpoint: cannot write: "));
    ck_assert_int_eq(tempdir_entries(in_dir("b")), 5);
    p = base_params(in_dir("b"));
    p.resume = true;
    assert_ok(ocelli_train(dev, train, test, &p, &r));
    ck_assert(r.resumed);
    assert_same_file(in_dir("a/checkpoint"), in_dir("b/checkpoint"));
}
END_TEST

struct predictions {
    int64_t n, right;
};

static void on_prediction(void *user, int64_t i, int wanted, int predicted)
{
    struct predictions *p = user;
    ck_assert_int_eq(i, p->n);
    ck_assert_int_eq(wanted, label((size_t)i));
    p->n++;
    p->right += wanted == predicted;
}

static int stop_at_once(void *user, int64_t done, int64_t count)
{
    (void)user;
    return done < count;
}

START_TEST(test_eval)
{
    struct ocelli_train_result r;
    struct ocelli_train_params p = base_params(in_dir("a"));
    assert_ok(ocelli_train(dev, train, test, &p, &r));
    struct ocelli_trained t;
    struct ocelli_graph *g;
    struct ocelli_weights *w;
    assert_ok(ocelli_trained_read(in_dir("a"), &t));
    ck_assert_str_eq(t.net, "lenet5");
    ck_assert(t.params.channels == 1 && t.params.height == SIDE && t.params.width == SIDE &&
              t.params.classes == 10);
    assert_ok(ocelli_net(&g, t.net, &t.params));
    assert_ok(ocelli_weights_create(&w, dev, g, 999));
    assert_ok(ocelli_trained_load(in_dir("a"), w));
    for (int batch = 0; batch < 30; batch += 29) { /* the default, and one with a part left over */
        struct predictions seen = {0};
        struct ocelli_eval_result e;
        assert_ok(
            ocelli_eval(dev, &t, w, test,
                        &(struct ocelli_eval_params){
                            .batch = batch, .top = 2, .prediction = on_prediction, .user = &seen},
                        &e));
        ck_assert_int_eq(e.count, TEST);
        ck_assert_int_eq(seen.n, TEST);
        ck_assert(e.accuracy == r.test_accuracy);
        ck_assert(e.accuracy == (double)seen.right / TEST);
        ck_assert(e.top_k >= e.accuracy && e.top_k <= 1 && e.loss > 0);
    }
    struct ocelli_eval_result e;
    assert_fails(ocelli_eval(dev, &t, w, test,
                             &(struct ocelli_eval_params){.batch = 29, .progress = stop_at_once},
                             &e),
                 OCELLI_ERR_CANCELLED, "29 of 70");
    assert_ok(ocelli_eval(dev, &t, w, test, NULL, &e));
    t.params.height = 32;
    assert_fails(ocelli_eval(dev, &t, w, test, NULL, &e), OCELLI_ERR_SHAPE, "28x28");
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
}
END_TEST

/* The paper's form learns too, and has the paper's numbers of weights. */
START_TEST(test_lenet5_1998)
{
    static const struct {
        const char *layer;
        int64_t weights;
    } want[] = {{"c1.", 156},   {"s2.", 12},    {"c3.", 1516},   {"s4.", 32},
                {"c5.", 48120}, {"f6.", 10164}, {"output.", 850}};
    struct ocelli_graph *g;
    struct ocelli_weights *w;
    assert_ok(ocelli_net(&g, "lenet5-1998", NULL));
    ck_assert_int_eq(ocelli_graph_parameters(g), 60850);
    assert_ok(ocelli_weights_create(&w, dev, g, 1));
    for (size_t i = 0; i < COUNT(want); i++) {
        int64_t n = 0;
        for (int k = 0; k < ocelli_weights_count(w); k++) {
            const char *name = ocelli_weights_name(w, k);
            if (!strncmp(name, want[i].layer, strlen(want[i].layer)))
                n += (int64_t)ocelli_tensor_bytes(ocelli_weights_tensor(w, name)) / 4;
        }
        ck_assert_msg(n == want[i].weights, "%s has %d weights", want[i].layer, (int)n);
    }
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
    struct ocelli_train_result r;
    struct seen s;
    struct ocelli_train_params p = base_params(NULL);
    p.net = "lenet5-1998";
    p.variant = "ref"; /* its fast kernels take a driver long to compile */
    watch(&p, &s);
    p.epoch_done = NULL; /* it asks for a test's result */
    assert_ok(ocelli_train(dev, train, NULL, &p, &r));
    ck_assert_msg(s.last < s.first / 2, "loss %g, then %g", s.first, s.last);
    assert_fails(ocelli_net(&g, "lenet5-1998", &(struct ocelli_net_params){.height = 20}),
                 OCELLI_ERR_INVALID, "too small");
}
END_TEST

START_TEST(test_schedules)
{
    const float at[3] = {0.1f, 0.01f, 0.001f};
    for (int64_t w = 0; w <= 10; w += 10) { /* without and with a warm-up, which only moves it */
        struct schedule s = {OCELLI_CONSTANT, 0.1f, 100 + w, w};
        ck_assert(schedule_lr(&s, w + 77) == 0.1f);
        s.kind = OCELLI_COSINE;
        ck_assert(schedule_lr(&s, w) == 0.1f);
        ck_assert(fabsf(schedule_lr(&s, w + 50) - 0.05f) < 1e-8f);
        s.kind = OCELLI_POLY;
        ck_assert(fabsf(schedule_lr(&s, w + 50) - 0.025f) < 1e-8f);
        for (int i = 0; i < w; i++) {
            s.kind = (enum ocelli_schedule)(i % 4);
            ck_assert(fabsf(schedule_lr(&s, i) - 0.01f * (float)(i + 1)) < 1e-8f);
        }
        s = (struct schedule){OCELLI_STEP, 0.1f, 90 + w, w};
        for (int i = 0; i < 3; i++) {
            ck_assert(fabsf(schedule_lr(&s, w + 30 * i) - at[i]) < 1e-8f);
            ck_assert(fabsf(schedule_lr(&s, w + 30 * i + 29) - at[i]) < 1e-8f);
        }
    }
    ck_assert_ptr_null(schedule_name((enum ocelli_schedule)9));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("train");
    TCase *t = tcase_create("train");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 0);
    tcase_add_test(t, test_schedules);
    tcase_add_test(t, test_learns_and_repeats);
    tcase_add_test(t, test_resume);
    tcase_add_test(t, test_resume_refused);
    tcase_add_test(t, test_bad_requests);
    tcase_add_test(t, test_disk_full);
    tcase_add_test(t, test_eval);
    tcase_add_test(t, test_lenet5_1998);
    suite_add_tcase(s, t);
    return run_suite(s);
}
