/* Random graphs of launches with transfers and rebinding between them, on queues of every kind,
 * against the same one after another on the host. */
#include "base/hash.h"
#include "queue_test.h"

#define BUFFERS 6
#define FIXED 3   /* buffers that launches use by ranges; the others are used whole */
#define CHUNK 64  /* words: a range starts at a multiple; caps.align must divide it */
#define CHUNKS 12 /* of the first; the others are WHOLE words long */
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

/* A range of n words, in a buffer used by ranges (n < WHOLE) or a whole one, by itself or by slot.
 */
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
    s->spin = roll(p, 4) ? roll(p, 20) : roll(p, 2000);
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
    assert_ok(tensor_over(&p->part[i], dev, &span, &(struct desc){OCELLI_I32, OCELLI_SHAPE(n)}));
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
            assert_ok(ocelli_tensor_write(p->tensor[b], p->memory[b], (size_t)buffer_words(b) * 4));
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

int main(void)
{
    Suite *s = suite_create("queue_graphs");
    TCase *t = tcase_create("queue_graphs");

    tcase_add_unchecked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, random_graphs, 0, MODES);
    suite_add_tcase(s, t);
    return run_suite(s);
}
