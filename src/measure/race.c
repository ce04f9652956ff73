/* Timing candidates against each other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "measure/judging.h"

#define ROUNDS_MAX 101
#define RUNS_MAX (1 << 20)

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof(*x), by_value);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static double deviation(const double *x, int n, double middle)
{
    double d[ROUNDS_MAX];
    for (int i = 0; i < n; i++)
        d[i] = x[i] > middle ? x[i] - middle : middle - x[i];
    return median(d, n);
}

/* ---- Contenders ---- */

static void contender_free(struct contender *c)
{
    free(c->name);
    free(c->bits);
    setup_free(&c->setup);
    *c = (struct contender){0};
}

void judge_forget_contenders(struct judge *j)
{
    for (int i = 0; i < CONTENDERS; i++)
        contender_free(&j->contender[i]);
}

static int write_inputs(const struct judge *j, struct contender *c)
{
    const struct work_case *k = &j->work->cases[j->work->n_cases - 1];
    int err = 0;
    for (int i = 0; i < c->setup.n_blocks; i++) {
        const struct block *b = &c->setup.block[i];
        if (!b->tensor)
            continue;
        memset(b->initial, 0, b->total);
        bool real = i < k->n_in && k->desc[i].dtype == OCELLI_F32;
        for (size_t e = 0; real && e < b->bytes / sizeof(float); e++)
            ((float *)b->initial)[e] = (float)(2 * random_uniform(3, (uint64_t)i, e) - 1);
        TRY(ocelli_tensor_write(b->tensor, b->initial, b->total));
    }
out:
    return err;
}

/* The one of that name, made where it is not there, in place of the one that was not used for
 * longest. */
static int find(struct judge *j, const struct candidate *k, struct contender **out)
{
    struct text name = {0};
    struct contender *c = &j->contender[0];
    int err = 0;
    text_add(&name, "%s %s", k->variant, k->setting);
    if (name.failed)
        TRY(fail_memory());
    for (int i = 0; i < CONTENDERS; i++) {
        struct contender *x = &j->contender[i];
        if (x->name && strcmp(x->name, name.s) == 0) {
            x->used = ++j->clock;
            *out = x;
            goto out;
        }
        if (x->used < c->used)
            c = x;
    }
    contender_free(c);
    j->stage(j->user, STAGE_COMPILE);
    TRY(judge_setup(j, j->work->n_cases - 1, k, true, &c->setup));
    TRY(write_inputs(j, c));
    c->name = name.s;
    name.s = NULL;
    c->used = ++j->clock;
    *out = c;
out:
    if (err)
        contender_free(c);
    text_free(&name);
    return err;
}

/* ---- Clocks ---- */

static double seconds(bool busy)
{
    struct timespec t;
    if (!busy)
        return clock_seconds();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds a run. */
static int time_runs(const struct judge *j, const struct contender *c, int n, bool busy,
                     double *out)
{
    int err = 0;
    double start = seconds(busy);
    for (int i = 0; i < n; i++)
        TRY(cmdlist_run(c->setup.list, NULL));
    TRY(ocelli_device_finish(j->dev));
    *out = (seconds(busy) - start) / n;
out:
    return err;
}

/* So many runs that a round takes about that long; the last time measured in *t. Stops where a run
 * takes longer than `most` seconds (0: whatever it takes), once that is more than the clock's and
 * the first run's own noise. */
static int calibrate(const struct judge *j, struct contender *c, const struct race_params *p,
                     double most, double *t)
{
    int err;
    TRY(time_runs(j, c, 1, p->busy, t));
    TRY(time_runs(j, c, 1, p->busy, t));
    for (c->runs = 1; *t * c->runs < p->seconds / 2 && c->runs < RUNS_MAX;) {
        c->runs *= 2;
        TRY(time_runs(j, c, c->runs, p->busy, t));
        if (most > 0 && *t > most && *t * c->runs > p->seconds / 5)
            break;
    }
out:
    return err;
}

/* Runs one after another must not differ either. */
static bool same_bits(const struct judge *j, struct contender *c, struct verdict *v)
{
    const struct work_case *k = &j->work->cases[j->work->n_cases - 1];
    const struct block *b = &c->setup.block[k->n_in];
    if (k->updates || ocelli_tensor_read(b->tensor, b->got, b->total) != 0)
        return true;
    if (!c->bits) {
        c->bits = malloc(b->total);
        if (c->bits)
            memcpy(c->bits, b->got, b->total);
        return true;
    }
    return memcmp(c->bits, b->got, b->total) == 0 ||
           judge_reject(v, STATUS_UNSTABLE, "%s: a run in the race gave other bits", k->text);
}

/* Both had the same inputs: their results may differ by roundings. `a` is trusted. */
#define ALIKE 1e-3 /* of the largest */

static bool alike(const struct judge *j, const struct contender *a, const struct contender *b,
                  struct verdict *v)
{
    const struct work_case *k = &j->work->cases[j->work->n_cases - 1];
    const struct block *x = &a->setup.block[k->n_in], *y = &b->setup.block[k->n_in];
    const struct desc *d = &k->desc[k->n_in];
    double largest = 0;
    if (k->updates || d->dtype != OCELLI_F32 ||
        ocelli_tensor_read(x->tensor, x->got, x->total) != 0 ||
        ocelli_tensor_read(y->tensor, y->got, y->total) != 0)
        return true;
    const float *p = (const float *)x->got, *q = (const float *)y->got;
    for (int64_t i = 0; i < shape_count(&d->shape); i++)
        largest = MAX(largest, fabs((double)p[i]));
    for (int64_t i = 0; i < shape_count(&d->shape); i++)
        if (!(fabs((double)p[i] - q[i]) <= ALIKE * largest) && !(isnan(p[i]) && isnan(q[i])))
            return judge_reject(v, STATUS_WRONG, "%s: [%lld] is %.9g, the default's %.9g", k->text,
                                (long long)i, (double)q[i], (double)p[i]);
    return true;
}

/* ---- The race ---- */

static int prepare(struct judge *j, const struct candidate *a, const struct candidate *b,
                   const struct race_params *p, struct contender **x, struct contender **y,
                   struct race *out)
{
    double t, u;
    int err;
    TRY(find(j, a, x));
    int failed = find(j, b, y);
    if (failed) {
        judge_failed(&out->verdict, failed);
        return 0;
    }
    j->stage(j->user, STAGE_RUN);
    TRY(calibrate(j, *x, p, 0, &t));
    TRY(calibrate(j, *y, p, p->limit * t, &u));
    out->a_ms = 1e3 * t;
    out->b_ms = 1e3 * u;
    out->ratio = u / t;
    if (alike(j, *x, *y, &out->verdict) && p->limit > 0 && u > p->limit * t)
        judge_reject(&out->verdict, STATUS_SLOW, "%.1f times the time it is compared with", u / t);
out:
    return err;
}

int judge_race(struct judge *j, const struct candidate *a, const struct candidate *b,
               const struct race_params *p, struct race *out)
{
    double ta[ROUNDS_MAX], tb[ROUNDS_MAX], ratio[ROUNDS_MAX];
    struct contender *x = NULL, *y = NULL;
    int err, n = MIN(MAX(p->rounds, 1), ROUNDS_MAX);
    *out = (struct race){.verdict = {.status = STATUS_OK}};
    TRY(prepare(j, a, b, p, &x, &y, out));
    for (int r = 0; r < n && strcmp(out->verdict.status, STATUS_OK) == 0; r++) {
        /* Turn about who is first. */
        if (r % 2 == 0)
            TRY(time_runs(j, x, x->runs, p->busy, &ta[r]));
        TRY(time_runs(j, y, y->runs, p->busy, &tb[r]));
        if (r % 2)
            TRY(time_runs(j, x, x->runs, p->busy, &ta[r]));
        ratio[r] = ta[r] > 0 ? tb[r] / ta[r] : 1;
        same_bits(j, y, &out->verdict);
    }
    if (strcmp(out->verdict.status, STATUS_OK) != 0)
        goto out;
    out->ratio = median(ratio, n);
    out->spread = deviation(ratio, n, out->ratio);
    out->a_ms = 1e3 * median(ta, n);
    out->b_ms = 1e3 * median(tb, n);
    if (out->b_ms <= 0)
        judge_reject(&out->verdict, STATUS_DEVICE, "takes no time at all: the clock is wrong");
out:
    return err;
}
