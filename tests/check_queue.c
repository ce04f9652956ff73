/* The command-queue manager on a real device: order, overlap, replay, failures, traces. */
#include <jansson.h>

#include "base/clock.h"
#include "base/hash.h"
#include "device/queue.h" /* through cl.h, sets CL_TARGET_OPENCL_VERSION */
#include "queue_kernels.h"

#include <ocelli/opencl.h>

static char dir[64];
static struct ocelli_device *dev;
static cl_context context; /* ours, for devices over given queues */
static cl_command_queue given;

enum mode { ONE_LANE, THREE_LANES, GIVEN, GIVEN_OUT_OF_ORDER, MODES };

static void open_dev(enum mode mode, bool profile)
{
    struct ocelli_device_params p = {.profile = profile, .lanes = mode == THREE_LANES ? 3 : 1};
    struct ocelli_device *first;
    cl_int code;

    if (mode < GIVEN) {
        assert_ok(ocelli_device_open(&dev, &p));
        return;
    }
    assert_ok(ocelli_device_open(&first, NULL));
    cl_device_id id = first->id;
    context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    cl_queue_properties props[] = {
        CL_QUEUE_PROPERTIES,
        (mode == GIVEN_OUT_OF_ORDER ? CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE : 0) |
            (profile ? CL_QUEUE_PROFILING_ENABLE : 0),
        0};
    given = clCreateCommandQueueWithProperties(context, id, props, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    ocelli_device_close(&first);
    assert_ok(ocelli_device_from_opencl(&dev, context, id, given, &p));
}

/* With the device all OpenCL objects go. */
static void close_dev(void)
{
    ocelli_device_close(&dev);
    ck_assert_int_eq(cl_live(), 0);
    if (given)
        clReleaseCommandQueue(given);
    if (context)
        clReleaseContext(context);
    given = NULL;
    context = NULL;
}

static struct ocelli_tensor *words(int n)
{
    struct ocelli_tensor *t;
    assert_ok(ocelli_tensor_create(&t, dev, OCELLI_I32, &OCELLI_SHAPE(n)));
    return t;
}

static struct binding fixed(struct ocelli_tensor *t)
{
    return (struct binding){.span = *tensor_span(t), .slot = -1};
}

/* ---- Random programs: lists, transfers of ranges, bindings, against the same on the host ---- */

#define BUFFERS 6
#define FIXED 3    /* buffers that launches use by ranges; the others are used whole */
#define CHUNK 64   /* words: a range starts at a multiple; caps.align must divide it */
#define CHUNKS 12  /* of the first; the others are WHOLE words long */
#define WHOLE 100
#define STEPS 32
#define TRANSFERS 64

struct place {
    int buffer, offset;
    int slot; /* -1: none; the buffer is then the one bound to it */
};
struct step {
    bool acc;
    struct place y, a, b;
    int n, k, spin;
};
struct program {
    uint64_t seed, at;
    struct step step[STEPS];
    int n;
    int bound[2];
    uint32_t *memory[BUFFERS];
    struct ocelli_tensor *tensor[BUFFERS];
    /* Transfers under way: host memory, and what a read must have brought. */
    uint32_t *host[TRANSFERS], *expect[TRANSFERS];
    int words[TRANSFERS], n_transfers;
    struct ocelli_tensor *part[TRANSFERS];
};

static int roll(struct program *p, int n)
{
    return (int)(random_at(p->seed, 3, p->at++) % (uint64_t)n);
}

static int buffer_words(int b)
{
    return b < FIXED ? CHUNK * CHUNKS : WHOLE;
}

/* A range of n words, in a buffer used by ranges (n < WHOLE) or a whole one, by itself or by slot. */
static struct place random_place(struct program *p, int n)
{
    struct place x = {.slot = -1};

    if (n < WHOLE) {
        x.buffer = roll(p, FIXED);
        x.offset = CHUNK * roll(p, CHUNKS - (n - 1) / CHUNK);
    } else if (roll(p, 2)) {
        x.slot = roll(p, 2);
    } else {
        x.buffer = FIXED + roll(p, BUFFERS - FIXED);
    }
    return x;
}

static struct place resolve(const struct program *p, struct place x)
{
    if (x.slot >= 0)
        x.buffer = p->bound[x.slot];
    return x;
}

/* Inside one launch, places may be the same or apart, not overlap by half. */
static struct place random_source(struct program *p, const struct step *s)
{
    for (;;) {
        struct place x = random_place(p, s->n);
        bool same = x.offset == s->y.offset;
        bool apart = x.offset + s->n <= s->y.offset || s->y.offset + s->n <= x.offset;
        if (s->n == WHOLE || x.buffer != s->y.buffer || same || apart)
            return x;
    }
}

static void random_step(struct program *p, struct step *s)
{
    s->n = roll(p, 4) ? 1 + roll(p, WHOLE - 1) : WHOLE;
    s->acc = roll(p, 3) == 0;
    s->k = roll(p, 1 << 20);
    s->spin = roll(p, 4) ? roll(p, 20) : roll(p, 4000);
    s->y = random_place(p, s->n);
    s->a = random_source(p, s);
    s->b = random_source(p, s);
}

static void host_step(struct program *p, const struct step *s)
{
    struct place y = resolve(p, s->y), a = resolve(p, s->a), b = resolve(p, s->b);
    uint32_t *py = p->memory[y.buffer] + y.offset, v = f((uint32_t)s->k, s->spin);
    const uint32_t *pa = p->memory[a.buffer] + a.offset, *pb = p->memory[b.buffer] + b.offset;

    for (int i = 0; i < s->n; i++)
        py[i] = s->acc ? 31 * py[i] + pa[i] + v : 31 * pa[i] + 7 * pb[i] + v;
}

static struct binding place_binding(const struct program *p, struct place x, int n)
{
    struct place r = resolve(p, x);
    struct binding b = {.span = *tensor_span(p->tensor[r.buffer]), .slot = x.slot};

    b.span.offset += (size_t)r.offset * 4;
    b.span.bytes = (size_t)n * 4;
    return b;
}

static struct cmdlist *make_list(struct program *p)
{
    struct cmdlist *list;
    struct launches l = {0};

    assert_ok(cmdlist_create(&list, dev));
    for (int i = 0; i < p->n; i++) {
        const struct step *s = &p->step[i];
        struct binding y = place_binding(p, s->y, s->n);
        struct binding in[2] = {place_binding(p, s->a, s->n), place_binding(p, s->b, s->n)};
        if (s->acc)
            acc_launch(&l, s->n, s->k, s->spin);
        else
            mix_launch(&l, s->n, s->k, s->spin);
        if (l.err || cmdlist_add(list, &l.item[i], in, &y, NULL, "step"))
            ck_abort_msg("%s", ocelli_error());
    }
    launches_free(&l);
    assert_ok(cmdlist_seal(list, NULL, NULL));
    return list;
}

/* A transfer of a random range that nobody waits for until the end. */
static void random_transfer(struct program *p)
{
    int b = roll(p, BUFFERS), i = p->n_transfers, at = 0, n = buffer_words(b);
    struct span span = *tensor_span(p->tensor[b]);

    if (i == TRANSFERS)
        return;
    if (b < FIXED) {
        at = CHUNK * roll(p, CHUNKS);
        n = 1 + roll(p, n - at);
    }
    span.offset += (size_t)at * 4;
    span.bytes = (size_t)n * 4;
    p->n_transfers++;
    p->words[i] = n;
    p->host[i] = calloc((size_t)n, 4);
    assert_ok(tensor_over(&p->part[i], dev, &span,
                          &(struct desc){OCELLI_I32, OCELLI_SHAPE(n)}));
    if (roll(p, 2)) {
        p->expect[i] = malloc((size_t)n * 4);
        memcpy(p->expect[i], p->memory[b] + at, (size_t)n * 4);
        assert_ok(transfer_read(p->part[i], p->host[i], (size_t)n * 4, NULL));
    } else {
        for (int k = 0; k < n; k++)
            p->host[i][k] = (uint32_t)roll(p, 1 << 30);
        memcpy(p->memory[b] + at, p->host[i], (size_t)n * 4);
        assert_ok(transfer_write(p->part[i], p->host[i], (size_t)n * 4, NULL));
    }
}

static void end_transfers(struct program *p)
{
    assert_ok(ocelli_device_finish(dev));
    for (int i = 0; i < p->n_transfers; i++) {
        if (p->expect[i] && memcmp(p->host[i], p->expect[i], (size_t)p->words[i] * 4) != 0)
            ck_abort_msg("seed %llu: read %d got something else", (unsigned long long)p->seed, i);
        free(p->host[i]);
        free(p->expect[i]);
        ocelli_tensor_destroy(&p->part[i]);
        p->expect[i] = NULL;
    }
    p->n_transfers = 0;
}

static void random_list(struct program *p)
{
    struct cmdlist *list;

    p->n = 1 + roll(p, STEPS);
    for (int i = 0; i < p->n; i++)
        random_step(p, &p->step[i]);
    list = make_list(p);
    for (int run = 1 + roll(p, 4); run > 0; run--) {
        assert_ok(cmdlist_run(list, NULL));
        for (int i = 0; i < p->n; i++)
            host_step(p, &p->step[i]);
        for (int k = roll(p, 3); k > 0; k--)
            random_transfer(p);
        if (roll(p, 2)) {
            int slot = roll(p, 2);
            p->bound[slot] = FIXED + roll(p, BUFFERS - FIXED);
            assert_ok(cmdlist_bind(list, slot, tensor_span(p->tensor[p->bound[slot]])));
        }
    }
    cmdlist_destroy(&list); /* perhaps while it still runs */
}

static void random_programs(enum mode mode, int programs, int lists)
{
    struct program *p = calloc(1, sizeof(*p));

    open_dev(mode, false);
    ck_assert_uint_eq(CHUNK * 4 % device_caps(dev)->align, 0);
    for (int b = 0; b < BUFFERS; b++) {
        p->memory[b] = calloc((size_t)buffer_words(b), 4);
        p->tensor[b] = words(buffer_words(b));
    }
    for (int i = 0; i < programs; i++) {
        p->seed = (uint64_t)(i * MODES + (int)mode);
        p->at = 0;
        p->bound[0] = FIXED;
        p->bound[1] = FIXED + 1;
        for (int b = 0; b < BUFFERS; b++) {
            for (int k = 0; k < buffer_words(b); k++)
                p->memory[b][k] = (uint32_t)roll(p, 1 << 30);
            assert_ok(ocelli_tensor_write(p->tensor[b], p->memory[b],
                                          (size_t)buffer_words(b) * 4));
        }
        for (int k = 0; k < lists; k++)
            random_list(p);
        end_transfers(p);
        for (int b = 0; b < BUFFERS; b++) {
            uint32_t got[CHUNK * CHUNKS];
            assert_ok(ocelli_tensor_read(p->tensor[b], got, (size_t)buffer_words(b) * 4));
            if (memcmp(got, p->memory[b], (size_t)buffer_words(b) * 4) != 0)
                ck_abort_msg("seed %llu, mode %d: buffer %d is not what serial execution gives",
                             (unsigned long long)p->seed, mode, b);
        }
    }
    for (int b = 0; b < BUFFERS; b++) {
        free(p->memory[b]);
        ocelli_tensor_destroy(&p->tensor[b]);
    }
    free(p);
    close_dev();
}

/* 4 x 100 x 8 random graphs, each run up to four times. */
START_TEST(random_graphs)
{
    random_programs((enum mode)_i, 100, 8);
}
END_TEST

/* ---- Replay and binding ---- */

/* y = 31 y + x, x = 31 x + y, z = 31 x + 7 y */
static struct cmdlist *three_steps(struct ocelli_tensor *const t[3], int n, int slot)
{
    struct cmdlist *list;
    struct launches l = {0};
    struct binding x = fixed(t[0]), y = fixed(t[1]), z = fixed(t[2]), xy[2] = {x, y};

    z.slot = slot;
    acc_launch(&l, n, 1, 0);
    acc_launch(&l, n, 2, 0);
    mix_launch(&l, n, 3, 0);
    assert_ok(l.err);
    assert_ok(cmdlist_create(&list, dev));
    assert_ok(cmdlist_add(list, &l.item[0], &x, &y, NULL, "first"));
    assert_ok(cmdlist_add(list, &l.item[1], &y, &x, NULL, "second"));
    assert_ok(cmdlist_add(list, &l.item[2], xy, &z, NULL, "third"));
    launches_free(&l);
    assert_ok(cmdlist_seal(list, NULL, NULL));
    return list;
}

static void host_three(uint32_t x[2])
{
    x[1] = 31 * x[1] + x[0] + 1;
    x[0] = 31 * x[0] + x[1] + 2;
}

static void check_words(struct ocelli_tensor *t, uint32_t value)
{
    uint32_t got[WHOLE];

    assert_ok(ocelli_tensor_read(t, got, sizeof(got)));
    for (int i = 0; i < WHOLE; i++)
        ck_assert_uint_eq(got[i], value);
}

static void set_words(struct ocelli_tensor *t, uint32_t value)
{
    uint32_t v[WHOLE];

    for (int i = 0; i < WHOLE; i++)
        v[i] = value;
    assert_ok(ocelli_tensor_write(t, v, sizeof(v)));
}

/* The three steps once more from the start: the device works. */
static void check_works(struct cmdlist *list, struct ocelli_tensor *const t[3])
{
    uint32_t x[2] = {5, 6};

    set_words(t[0], 5);
    set_words(t[1], 6);
    assert_ok(cmdlist_run(list, NULL));
    host_three(x);
    check_words(t[0], x[0]);
    check_words(t[1], x[1]);
    check_words(t[2], 31 * x[0] + 7 * x[1] + 3);
}

START_TEST(replays_a_thousand_times)
{
    struct ocelli_device_stats before, after;
    uint32_t x[2] = {5, 6};

    open_dev((enum mode)_i, false);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct cmdlist *list = three_steps(t, WHOLE, -1);
    set_words(t[0], x[0]);
    set_words(t[1], x[1]);
    ocelli_device_get_stats(dev, &before);
    for (int i = 0; i < 1000; i++) {
        assert_ok(cmdlist_run(list, NULL));
        host_three(x);
    }
    check_words(t[0], x[0]);
    check_words(t[2], 31 * x[0] + 7 * x[1] + 3);
    ocelli_device_get_stats(dev, &after);
    ck_assert_uint_eq(after.launches - before.launches, 3000);
    ck_assert_uint_eq(after.transfers - before.transfers, 2);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
}
END_TEST

START_TEST(binds_another_buffer)
{
    open_dev(ONE_LANE, false);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct ocelli_tensor *other = words(WHOLE), *small = words(WHOLE - 1);
    struct cmdlist *list = three_steps(t, WHOLE, 4);
    uint32_t x[2] = {5, 6};

    check_works(list, t);
    set_words(t[2], 99);
    set_words(t[0], 5);
    set_words(t[1], 6);
    assert_ok(cmdlist_bind(list, 4, tensor_span(other)));
    assert_ok(cmdlist_run(list, NULL));
    host_three(x);
    check_words(other, 31 * x[0] + 7 * x[1] + 3);
    check_words(t[2], 99);
    assert_fails(cmdlist_bind(list, 4, tensor_span(small)), OCELLI_ERR_INVALID, "slot 4");
    assert_ok(cmdlist_bind(list, 3, tensor_span(small))); /* nobody uses slot 3 */
    assert_ok(cmdlist_bind(list, 4, tensor_span(t[2])));
    check_works(list, t);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    ocelli_tensor_destroy(&other);
    ocelli_tensor_destroy(&small);
    close_dev();
}
END_TEST

/* A slot may be empty until the first run; the list holds on to what is bound to it. */
START_TEST(slot_starts_empty)
{
    open_dev(THREE_LANES, false);
    struct ocelli_tensor *x = words(WHOLE), *y = words(WHOLE);
    struct launches l = {0};
    struct cmdlist *list;
    struct binding bx = {.span.bytes = WHOLE * 4, .slot = 0}, by = fixed(y);

    acc_launch(&l, WHOLE, 1, 0);
    assert_ok(cmdlist_create(&list, dev));
    assert_ok(cmdlist_add(list, &l.item[0], &bx, &by, NULL, "only"));
    assert_fails(cmdlist_run(list, NULL), OCELLI_ERR_INVALID, "not sealed");
    assert_ok(cmdlist_seal(list, NULL, NULL));
    assert_fails(cmdlist_run(list, NULL), OCELLI_ERR_INVALID, "slot 0 is not bound");
    assert_fails(cmdlist_add(list, &l.item[0], &bx, &by, NULL, "late"), OCELLI_ERR_INVALID, "late");
    set_words(x, 10);
    set_words(y, 1);
    assert_ok(cmdlist_bind(list, 0, tensor_span(x)));
    ocelli_tensor_destroy(&x);
    assert_ok(cmdlist_run(list, NULL));
    check_words(y, 42);
    cmdlist_destroy(&list);
    launches_free(&l);
    ocelli_tensor_destroy(&y);
    close_dev();
}
END_TEST

/* Far more commands than are kept track of, and nobody waits. */
START_TEST(many_in_flight)
{
    static uint32_t host[WHOLE];

    open_dev((enum mode)_i, _i == THREE_LANES);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct cmdlist *list = three_steps(t, WHOLE, -1);
    for (int i = 0; i < 4000; i++) {
        assert_ok(transfer_write(t[i % 2], host, sizeof(host), NULL));
        if (i % 4 == 0)
            assert_ok(cmdlist_run(list, NULL));
    }
    ck_assert_int_lt(cl_live(), 20000);
    check_works(list, t);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
}
END_TEST

/* ---- Overlap, as the trace shows it ---- */

static json_t *read_trace(void)
{
    json_error_t e;
    json_t *j;

    assert_ok(ocelli_device_write_trace(dev, path_in(dir, "trace.json")));
    j = json_load_file(path_in(dir, "trace.json"), JSON_REJECT_DUPLICATES, &e);
    ck_assert_msg(j != NULL, "line %d: %s", e.line, e.text);
    return j;
}

/* The n-th command of that name; the caller owns nothing. */
static json_t *traced(json_t *trace, const char *name, int n)
{
    size_t i;
    json_t *e;

    json_array_foreach (json_object_get(trace, "traceEvents"), i, e) {
        if (strcmp(json_string_value(json_object_get(e, "ph")), "X") == 0 &&
            strcmp(json_string_value(json_object_get(e, "name")), name) == 0 && n-- == 0)
            return e;
    }
    return NULL;
}

static double number(const json_t *event, const char *key)
{
    const json_t *v = json_object_get(event, key);
    ck_assert_msg(json_is_number(v), "%s is no number", key);
    return json_number_value(v);
}

/* Microseconds during which both ran. */
static double overlap(const json_t *a, const json_t *b)
{
    ck_assert(a && b);
    double a0 = number(a, "ts"), b0 = number(b, "ts");
    double end = MIN(a0 + number(a, "dur"), b0 + number(b, "dur"));
    return end - MAX(a0, b0);
}

static struct cmdlist *spins(struct ocelli_tensor *const *t, int n, int steps)
{
    struct cmdlist *list;
    struct launches l = {0};

    assert_ok(cmdlist_create(&list, dev));
    for (int i = 0; i < n; i++) {
        struct binding y = fixed(t[i]);
        char label[16];
        spin_launch(&l, i, steps);
        assert_ok(l.err);
        snprintf(label, sizeof(label), "spin%d", i);
        assert_ok(cmdlist_add(list, &l.item[i], NULL, &y, NULL, label));
    }
    launches_free(&l);
    assert_ok(cmdlist_seal(list, NULL, NULL));
    return list;
}

/* How many steps take about 20 ms. */
static int calibrate(struct ocelli_tensor *t)
{
    const int steps = 1000000;
    struct cmdlist *list = spins(&t, 1, steps);
    double ms;

    for (int i = 0; i < 2; i++) /* the first run compiles */
        assert_ok(cmdlist_run(list, NULL));
    ms = cmdlist_ms(list, 0);
    ck_assert_double_gt(ms, 0);
    ck_assert_double_eq(cmdlist_ms(list, 1), 0);
    cmdlist_destroy(&list);
    return (int)(steps * MIN(20 / ms, 1000));
}

START_TEST(independent_launches_overlap)
{
    double most = 0;

    open_dev(THREE_LANES, true);
    struct ocelli_tensor *t[2] = {words(1), words(1)};
    struct cmdlist *list = spins(t, 2, calibrate(t[0]));
    for (int i = 0; i < 10 && most < 1000; i++) { /* a busy machine may need more than one go */
        assert_ok(cmdlist_run(list, NULL));
        json_t *trace = read_trace();
        json_t *a = traced(trace, "spin0", i ? 0 : 2), *b = traced(trace, "spin1", 0);
        ck_assert(number(a, "tid") != number(b, "tid"));
        most = MAX(most, overlap(a, b));
        json_decref(trace);
    }
    ck_assert_msg(most >= 1000, "overlap by %.0f us", most);
    cmdlist_destroy(&list);
    ocelli_tensor_destroy(&t[0]);
    ocelli_tensor_destroy(&t[1]);
    close_dev();
}
END_TEST

/* The transfer to another buffer is done before the launch that was given first. */
START_TEST(transfer_overlaps_compute)
{
    static uint32_t host[1 << 20];
    bool seen = false;

    open_dev(ONE_LANE, true);
    struct ocelli_tensor *t = words(1), *big = words(1 << 20);
    struct cmdlist *list = spins(&t, 1, calibrate(t));
    assert_ok(ocelli_tensor_write(big, host, sizeof(host)));
    for (int i = 0; i < 10 && !seen; i++) {
        json_decref(read_trace());
        assert_ok(cmdlist_run(list, NULL));
        assert_ok(transfer_write(big, host, sizeof(host), NULL));
        json_t *trace = read_trace();
        json_t *a = traced(trace, "spin0", 0), *b = traced(trace, "write", 0);
        seen = overlap(a, b) >= 0.9 * number(b, "dur");
        ck_assert_double_eq(number(json_object_get(b, "args"), "bytes"), sizeof(host));
        json_decref(trace);
    }
    ck_assert(seen);
    cmdlist_destroy(&list);
    ocelli_tensor_destroy(&t);
    ocelli_tensor_destroy(&big);
    close_dev();
}
END_TEST

START_TEST(traces)
{
    const int lanes[MODES] = {2, 4, 1, 1};
    const char *odd = "conv \"1\" \\ \n\xc3\xa9";

    open_dev((enum mode)_i, true);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct launches l = {0};
    struct cmdlist *list = three_steps(t, WHOLE, -1), *one;
    struct binding x = fixed(t[0]), y = fixed(t[1]);
    struct fence done = {0};

    acc_launch(&l, WHOLE, 1, 0);
    assert_ok(cmdlist_create(&one, dev));
    assert_ok(cmdlist_add(one, &l.item[0], &x, &y, NULL, odd));
    assert_ok(cmdlist_seal(one, NULL, NULL));
    launches_free(&l);
    check_works(list, t);
    assert_ok(cmdlist_run(one, &done));
    assert_ok(fence_wait(&done));
    ck_assert_ptr_null(done.event);
    ck_assert_double_gt(cmdlist_ms(one, 0), 0);

    json_t *trace = read_trace();
    const char *const names[] = {"write", "first", "second", "third", "read", odd};
    double last = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        json_t *e = traced(trace, names[i], 0), *args = json_object_get(e, "args");
        ck_assert_msg(e != NULL, "no %s", names[i]);
        ck_assert_double_ge(number(e, "ts"), last); /* each needs the one before */
        last = number(e, "ts") + number(e, "dur") * 0.99;
        ck_assert_double_ge(number(args, "submitted_us"), number(args, "queued_us"));
        ck_assert_double_ge(number(e, "ts"), number(args, "submitted_us"));
        ck_assert_int_eq((int)number(e, "pid"), ocelli_device_get_info(dev)->index);
    }
    size_t i;
    int threads = 0;
    json_t *e;
    json_array_foreach (json_object_get(trace, "traceEvents"), i, e)
        threads += strcmp(json_string_value(json_object_get(e, "name")), "thread_name") == 0;
    ck_assert_int_eq(threads, lanes[_i]);
    json_decref(trace);

    trace = read_trace(); /* the next begins where this one ended */
    ck_assert_ptr_null(traced(trace, "first", 0));
    json_decref(trace);
    ck_assert_double_gt(cmdlist_ms(list, 2), 0);
    assert_fails(ocelli_device_write_trace(dev, "/no/such/folder/x"), OCELLI_ERR_IO, "/no/such");
    cmdlist_destroy(&one);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
    open_dev(ONE_LANE, false);
    assert_fails(ocelli_device_write_trace(dev, path_in(dir, "none")), OCELLI_ERR_INVALID,
                 "profile");
    close_dev();
}
END_TEST

/* ---- Failures ---- */

/* Every OpenCL call of a round of work fails once: an error, and afterwards all works. */
static int round_of_work(struct cmdlist *list, struct ocelli_tensor *const t[3])
{
    static uint32_t host[3][WHOLE];
    struct fence done[3] = {{0}};
    int err;

    TRY(transfer_write(t[0], host[0], sizeof(host[0]), &done[0]));
    TRY(cmdlist_run(list, &done[1]));
    TRY(transfer_read(t[2], host[2], sizeof(host[2]), &done[2]));
    for (int i = 0; i < 3; i++)
        TRY(fence_wait(&done[i]));
    TRY(ocelli_device_finish(dev));
out:
    for (int i = 0; i < 3; i++)
        fence_drop(&done[i]);
    return err;
}

START_TEST(every_call_fails_once)
{
    int failures = 0, named = 0;

    open_dev((enum mode)_i, _i % 2);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct cmdlist *list = three_steps(t, WHOLE, -1);
    assert_ok(round_of_work(list, t));
    for (int n = 1;; n++) {
        int live = cl_live(), err;
        fault_arm(n, n % 2, CL_OUT_OF_RESOURCES);
        err = round_of_work(list, t);
        int calls = fault_arm(0, false, 0);
        if (calls < n) {
            assert_ok(err);
            break;
        }
        failures++;
        ck_assert_int_eq(err, OCELLI_ERR_DEVICE);
        ck_assert_ptr_nonnull(strstr(ocelli_error(), "CL_OUT_OF_RESOURCES (-5)"));
        named += strncmp(ocelli_error(), "second: clEnqueueNDRangeKernel", 30) == 0;
        assert_ok(ocelli_device_finish(dev));
        ck_assert_int_le(cl_live(), live);
        check_works(list, t);
    }
    ck_assert_int_ge(failures, 8);
    ck_assert_int_eq(named, 1);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
}
END_TEST

/* A list whose one launch waits for an event that then fails. (PoCL 3.1 does not survive it when more than
 * one command hangs on such an event.) */
static void run_to_fail(struct cmdlist *list)
{
    cl_int code;
    cl_event done, user = clCreateUserEvent(dev->context, &code);

    ck_assert_int_eq(code, CL_SUCCESS);
    assert_ok(cmdlist_enqueue(list, 1, &user, &done));
    ck_assert_int_eq(clSetUserEventStatus(user, -9999), CL_SUCCESS);
    clWaitForEvents(1, &done);
    clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(code), &code, NULL);
    ck_assert_int_lt(code, 0);
    clReleaseEvent(done);
    clReleaseEvent(user);
}

/* A command that fails after it was accepted: told once, by whoever comes first. */
START_TEST(failure_on_the_device)
{
    uint32_t got[1];
    struct fence fence;
    struct moment *m;
    cl_int code;
    cl_event user;

    open_dev((enum mode)(_i / 2), _i % 2);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)}, *y = words(1);
    struct cmdlist *list = three_steps(t, WHOLE, -1), *one = spins(&y, 1, 1);
    check_works(list, t);
    run_to_fail(one);
    assert_fails(ocelli_device_finish(dev), OCELLI_ERR_DEVICE, "spin0: failed on the device");
    assert_ok(ocelli_device_finish(dev));
    check_works(list, t);

    run_to_fail(one); /* now a command needs it that runs elsewhere, or that comes after it */
    if (dev->queue->transfer != 0 || !dev->queue->in_order) {
        assert_fails(transfer_read(y, got, 4, NULL), OCELLI_ERR_DEVICE, "spin0: failed on the");
        assert_ok(transfer_read(y, got, 4, NULL));
        assert_ok(ocelli_device_finish(dev));
    }

    user = clCreateUserEvent(dev->context, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    assert_ok(moment_create(dev->queue, &m));
    moment_add(m, user);
    fence.event = m;
    clSetUserEventStatus(user, -9999);
    clReleaseEvent(user);
    ck_assert_int_eq(fence_wait(&fence), OCELLI_ERR_DEVICE);
    ck_assert_ptr_null(fence.event);

    cmdlist_destroy(&list);
    cmdlist_destroy(&one);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    ocelli_tensor_destroy(&y);
    close_dev();
}
END_TEST

START_TEST(callers_events)
{
    cl_int code;
    cl_event user, done;

    open_dev((enum mode)_i, false);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    struct cmdlist *list = three_steps(t, WHOLE, -1), *empty;
    uint32_t x[2] = {5, 6};
    set_words(t[0], x[0]);
    set_words(t[1], x[1]);
    user = clCreateUserEvent(dev->context, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    assert_ok(cmdlist_enqueue(list, 1, &user, &done));
    double until = clock_seconds() + 0.02;
    while (clock_seconds() < until) {
        ck_assert_int_eq(clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(code),
                                        &code, NULL), CL_SUCCESS);
        ck_assert_int_ne(code, CL_COMPLETE);
        usleep(2000);
    }
    ck_assert_int_eq(clSetUserEventStatus(user, CL_COMPLETE), CL_SUCCESS);
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    clReleaseEvent(done);
    host_three(x);
    check_words(t[2], 31 * x[0] + 7 * x[1] + 3);

    assert_ok(cmdlist_create(&empty, dev));
    assert_ok(cmdlist_seal(empty, NULL, NULL));
    assert_ok(cmdlist_enqueue(empty, 1, &user, &done));
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    clReleaseEvent(done);
    clReleaseEvent(user);
    assert_ok(cmdlist_run(empty, NULL));
    assert_fails(cmdlist_enqueue(empty, 1, NULL, NULL), OCELLI_ERR_INVALID, "wait");
    cmdlist_destroy(&empty);
    cmdlist_destroy(&list);
    for (int k = 0; k < 3; k++)
        ocelli_tensor_destroy(&t[k]);
    close_dev();
}
END_TEST

/* Seals a list of that launch. */
static int seal_one(struct launch *k, struct ocelli_tensor *t, const char *label)
{
    struct cmdlist *list;
    struct binding b[2] = {fixed(t), fixed(t)};
    int err;

    TRY(cmdlist_create(&list, dev));
    if ((err = cmdlist_add(list, k, b, b, NULL, label)) == 0)
        err = cmdlist_seal(list, NULL, NULL);
    cmdlist_destroy(&list);
out:
    return err;
}

START_TEST(wrong_launches_are_refused)
{
    struct launches l = {0};
    struct launch *k;

    open_dev(ONE_LANE, false);
    struct ocelli_tensor *t[3] = {words(WHOLE), words(WHOLE), words(WHOLE)};
    for (int i = 0; i < 10; i++)
        mix_launch(&l, WHOLE, 1, 0);
    assert_ok(l.err);
    k = l.item;
    k[0].kernel = "nothing";
    assert_fails(seal_one(&k[0], t[0], "lost"), OCELLI_ERR_DEVICE, "nothing");
    k[1].n_args--;
    assert_fails(seal_one(&k[1], t[0], "few"), OCELLI_ERR_INVALID, "few: kernel qmix takes 6");
    launch_define(&k[2], "f=}");
    assert_fails(seal_one(&k[2], t[0], "odd"), OCELLI_ERR_BUILD, "queue");
    launch_grid1(&k[3], 1 << 24, 1 << 24);
    assert_fails(seal_one(&k[3], t[0], "wide"), OCELLI_ERR_INVALID, "wide: kernel qmix: work-groups");
    k[4].global[0] = 0;
    assert_fails(seal_one(&k[4], t[0], "none"), OCELLI_ERR_INVALID, "no work-items");
    for (int i = 0; i < LAUNCH_MAX_ARGS; i++)
        launch_int(&k[5], "more", i);
    assert_fails(seal_one(&k[5], t[0], "many"), OCELLI_ERR_INVALID, "many: kernel qmix has more");
#ifndef NDEBUG
    k[6].arg[4].name = "K";
    assert_fails(seal_one(&k[6], t[0], "name"), OCELLI_ERR_INVALID, "argument 4 is \"k\"");
    k[7].arg[4].kind = ARG_FLOAT;
    assert_fails(seal_one(&k[7], t[0], "type"), OCELLI_ERR_INVALID, "argument \"k\" is int");
#endif
    k[8] = (struct launch){.program = "queue", .kernel = "qfixed"};
    launch_out(&k[8], "y", 0);
    launch_local(&k[8], "tmp", 64);
    launch_grid1(&k[8], 16, 4);
    assert_fails(seal_one(&k[8], t[0], "size"), OCELLI_ERR_INVALID, "work-groups of 8x1x1, not 4x");
    launch_grid1(&k[8], 16, 8);
    assert_ok(seal_one(&k[8], t[0], "size"));
    k[8].arg[1].bytes = device_caps(dev)->local_bytes;
    k[8].arg[1].bytes += 4096;
    assert_fails(seal_one(&k[8], t[0], "heap"), OCELLI_ERR_INVALID, "local memory");
    k[9].program = "no_such_file";
    assert_fails(seal_one(&k[9], t[0], "file"), OCELLI_ERR_INVALID, "no_such_file");
    launches_free(&l);

    struct cmdlist *list = three_steps(t, WHOLE, -1);
    check_works(list, t);
    cmdlist_destroy(&list);
    for (int i = 0; i < 3; i++)
        ocelli_tensor_destroy(&t[i]);
    close_dev();
}
END_TEST

START_TEST(null_device_cannot_run)
{
    struct launches l = {0};
    struct ocelli_tensor *t;
    uint32_t host[WHOLE];

    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.device = "null"}));
    t = words(WHOLE);
    acc_launch(&l, WHOLE, 1, 0);
    assert_fails(seal_one(&l.item[0], t, "x"), OCELLI_ERR_UNSUPPORTED, "null device");
    assert_fails(transfer_read(t, host, sizeof(host), NULL), OCELLI_ERR_UNSUPPORTED, "null device");
    launches_free(&l);
    ocelli_tensor_destroy(&t);
    close_dev();
}
END_TEST

/* c = a b between a launch that makes a (as words that are small floats) and one that reads c. */
START_TEST(clblast_keeps_order)
{
    open_dev((enum mode)_i, false);
    if (device_caps(dev)->clblast) {
        struct ocelli_tensor *t[4] = {words(4), words(4), words(4), words(4)};
        const float one[4] = {1, 2, 3, 4}, want[4] = {7, 10, 15, 22};
        const uint32_t zero[4] = {0};
        uint32_t got[4], bits[4];
        struct launches l = {0};
        struct launch *k;
        struct cmdlist *list;
        struct binding a = fixed(t[0]), c = fixed(t[1]), d = fixed(t[2]), z = fixed(t[3]);
        struct binding az[2] = {a, a}, zc[2] = {c, z};

        acc_launch(&l, 4, 0, 100000); /* a = 31 a + z + f, made slow */
        k = launch_add(&l, "gemm_clblast", "gemm_clblast");
        k->kind = LAUNCH_CLBLAST_GEMM;
        launch_out(k, "c", 0);
        launch_in(k, "a", 0);
        launch_in(k, "b", 1);
        for (int i = 0; i < 5; i++)
            launch_int(k, (const char *[]){"m", "n", "k", "trans_a", "trans_b"}[i], i < 3 ? 2 : 0);
        acc_launch(&l, 4, 0, 0); /* d = 31 d + c */
        assert_ok(l.err);
        /* The words that 31 a + z + f turns into floats 1 2 3 4: z is what is missing. */
        memcpy(bits, one, sizeof(bits));
        for (int i = 0; i < 4; i++)
            bits[i] -= f(0, 100000);
        assert_ok(cmdlist_create(&list, dev));
        assert_ok(cmdlist_add(list, &l.item[0], &z, &a, NULL, "before"));
        assert_ok(cmdlist_add(list, &l.item[1], az, &c, NULL, "product"));
        assert_ok(cmdlist_add(list, &l.item[2], zc, &d, NULL, "after"));
        assert_ok(cmdlist_seal(list, NULL, NULL));
        for (int run = 0; run < 3; run++) {
            assert_ok(ocelli_tensor_write(t[0], zero, sizeof(zero)));
            assert_ok(ocelli_tensor_write(t[2], zero, sizeof(zero)));
            assert_ok(ocelli_tensor_write(t[3], bits, sizeof(bits)));
            assert_ok(cmdlist_run(list, NULL));
            assert_ok(ocelli_tensor_read(t[2], got, sizeof(got)));
            ck_assert_mem_eq(got, want, sizeof(want));
        }
        cmdlist_destroy(&list);
        launches_free(&l);
        for (int i = 0; i < 4; i++)
            ocelli_tensor_destroy(&t[i]);
    }
    close_dev();
}
END_TEST

static void set_up(void)
{
    temp_dir(dir);
    put_file(dir, "queue.cl", QUEUE_KERNELS);
    setenv("OCELLI_KERNEL_DIR", dir, 1);
    setenv("OCELLI_CACHE_DIR", dir, 1);
}

static void tear_down(void)
{
    remove_tree(dir);
}

int main(void)
{
    Suite *s = suite_create("queue");
    TCase *t = tcase_create("queue");

    tcase_add_unchecked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, random_graphs, 0, MODES);
    tcase_add_loop_test(t, replays_a_thousand_times, 0, MODES);
    tcase_add_test(t, binds_another_buffer);
    tcase_add_test(t, slot_starts_empty);
    tcase_add_loop_test(t, many_in_flight, 0, MODES);
    tcase_add_test(t, independent_launches_overlap);
    tcase_add_test(t, transfer_overlaps_compute);
    tcase_add_loop_test(t, traces, 0, MODES);
    tcase_add_loop_test(t, every_call_fails_once, 0, MODES);
    tcase_add_loop_test(t, failure_on_the_device, 0, 2 * MODES);
    tcase_add_loop_test(t, callers_events, 0, MODES);
    tcase_add_test(t, wrong_launches_are_refused);
    tcase_add_test(t, null_device_cannot_run);
    tcase_add_loop_test(t, clblast_keeps_order, 0, MODES);
    suite_add_tcase(s, t);
    return run_suite(s);
}
