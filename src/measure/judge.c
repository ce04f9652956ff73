#include "measure/judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "measure/judging.h"
#include "ops/shared.h"

#define CASES 3 /* besides the one that is timed */
#define REPEATS 3
#define REPEATS_FIRST \
    24 /* of the first case: of what goes wrong one time in ten, all but 8 % is seen there */

/* ---- Inputs ---- */

/* Whole numbers so small that sums of `terms` products are exact. */
static int magnitude(double terms)
{
    int m = 4;
    while (m > 1 && terms * m * m > 8388608.0)
        m--;
    return m;
}

static void fill_inputs(const struct work_case *k, enum judge_mode mode, bool positive,
                        uint8_t *const *in)
{
    const int m = magnitude(k->terms);
    for (int i = 0; i < k->n_in; i++) {
        const struct desc *d = &k->desc[i];
        int64_t n = in[i] ? shape_count(&d->shape) : 0;
        for (int64_t j = 0; j < n; j++) {
            double x;
            if (!dtype_is_float(d->dtype)) /* labels and indices: two there are always */
                x = (double)(random_at(11, (uint64_t)i, (uint64_t)j) % 2);
            else if (mode == JUDGE_WHOLE)
                x = (double)(random_at(12, (uint64_t)i, (uint64_t)j) % (uint64_t)(2 * m + 1)) - m;
            else
                x = 2 * random_uniform(13, (uint64_t)i, (uint64_t)j) - 1;
            if (positive && dtype_is_float(d->dtype))
                x = fabs(x) + (mode == JUDGE_WHOLE ? 0 : 0x1p-7);
            element_store(in[i], d->dtype, j, x);
        }
    }
}

/* ---- Setups ---- */

static size_t buffer_bytes(const struct desc *d)
{
    return d->shape.rank < 0 ? 0 : desc_bytes(d);
}

int judge_setup(const struct judge *j, int c, const struct candidate *k, bool bare, struct setup *u)
{
    const struct work_case *w = &j->work->cases[c];
    size_t bytes[WORK_MAX_BUFFERS];
    struct launches l = {0};
    int err;
    *u = (struct setup){0};
    for (int i = 0; i < w->n_in + w->n_out; i++)
        bytes[i] = buffer_bytes(&w->desc[i]);
    TRY(j->work->plan(j->work->user, c, k, &l));
    TRY(setup_init(u,
                   &(struct setup_params){.dev = j->dev,
                                          .label = k ? k->variant : "ref",
                                          .bytes = bytes,
                                          .n_in = w->n_in,
                                          .n_out = w->n_out,
                                          .bare = bare},
                   &l));
out:
    return err;
}

void judge_load(const struct setup *u, uint8_t *const *in, int rest)
{
    setup_fill(u, rest);
    for (int i = 0; i < u->n_in; i++)
        if (u->block[i].tensor)
            memcpy(u->block[i].initial + u->block[i].offset, in[i], u->block[i].bytes);
}

/* Result r of a case: outputs first, then the inputs that are updated. The block's number, -1: no
 * more. */
static int result_block(const struct work_case *k, int r)
{
    if (r < k->n_out)
        return k->n_in + r;
    r -= k->n_out;
    for (int i = 0; i < k->n_in; i++)
        if ((k->updates >> i & 1) && k->desc[i].shape.rank >= 0 && r-- == 0)
            return i;
    return -1;
}

static const uint8_t *content(const struct setup *u, int block)
{
    return u->block[block].got + u->block[block].offset;
}

/* ---- What is right ---- */

static void truth_free(struct truth *t)
{
    for (int i = 0; i < WORK_MAX_BUFFERS; i++) {
        free(t->in[i]);
        free(t->want[i]);
        free(t->bound[i]);
    }
    *t = (struct truth){0};
}

/* The reference's results for the inputs that are in t. */
static int run_reference(const struct judge *j, int c, const struct setup *u, const struct truth *t,
                         uint8_t **want)
{
    const struct work_case *k = &j->work->cases[c];
    int err, b;
    judge_load(u, t->in, 0xFF);
    TRY(setup_run(u, false));
    for (int r = 0; (b = result_block(k, r)) >= 0; r++) {
        size_t bytes = u->block[b].bytes;
        if (!want[r] && !(want[r] = malloc(bytes)))
            TRY(fail_memory());
        memcpy(want[r], content(u, b), bytes);
    }
out:
    return err;
}

/* Are all results of the kind that must come out to the bit? */
static bool is_exact(const struct work_case *k, const struct truth *t, enum judge_mode mode,
                     bool *nan)
{
    bool whole = mode == JUDGE_WHOLE;
    int b;
    *nan = false;
    for (int r = 0; (b = result_block(k, r)) >= 0; r++) {
        const struct desc *d = &k->desc[b];
        for (int64_t i = 0; i < shape_count(&d->shape); i++) {
            double v = element_load(t->want[r], d->dtype, i);
            *nan |= isnan(v);
            whole = whole && v == floor(v) && fabs(v) <= 8388608.0;
        }
    }
    return whole;
}

/* Higham's bound in its statistical form, of the sum of the summands' magnitudes. That is what the
 * reference makes of the inputs' magnitudes where it adds products, and about that elsewhere, hence
 * the factor. */
#define SLACK 4

static int set_bounds(const struct judge *j, int c, const struct setup *u, struct truth *t,
                      enum judge_mode mode)
{
    const struct work_case *k = &j->work->cases[c];
    uint8_t *mag[WORK_MAX_BUFFERS] = {0};
    int err = 0, b;
    fill_inputs(k, mode, true, t->in);
    TRY(run_reference(j, c, u, t, mag));
    for (int r = 0; (b = result_block(k, r)) >= 0; r++) {
        const struct desc *d = &k->desc[b];
        int64_t n = shape_count(&d->shape);
        double mean = 0, unit = d->dtype == OCELLI_F16 ? 0x1p-11 : 0x1p-24;
        if (!dtype_is_float(d->dtype))
            continue;
        t->bound[r] = malloc((size_t)n * sizeof(float));
        if (!t->bound[r])
            TRY(fail_memory());
        for (int64_t i = 0; i < n; i++) {
            double m = fabs(element_load(mag[r], d->dtype, i));
            mean += isfinite(m) ? m / (double)n : 0;
        }
        for (int64_t i = 0; i < n; i++) {
            double m = fabs(element_load(mag[r], d->dtype, i));
            double v = fabs(element_load(t->want[r], d->dtype, i));
            m = MAX(MAX(isfinite(m) ? m : 0, isfinite(v) ? v : 0), mean);
            t->bound[r][i] = (float)(SLACK * 2 * (2 + sqrt(k->terms)) * unit * m + 0x1p-126);
        }
    }
out:
    for (int i = 0; i < WORK_MAX_BUFFERS; i++)
        free(mag[i]);
    return err;
}

/* Computed at the first question. */
static int truth_of(struct judge *j, int c, enum judge_mode mode, const struct truth **out)
{
    const struct work_case *k = &j->work->cases[c];
    struct truth *t = &j->truth[c][mode];
    struct setup u = {0};
    int err = 0;
    bool nan;
    *out = t;
    if (t->known)
        return 0;
    TRY(judge_setup(j, c, NULL, false, &u));
    for (int i = 0; i < k->n_in; i++)
        if (k->desc[i].shape.rank >= 0 && !(t->in[i] = calloc(desc_bytes(&k->desc[i]) + 1, 1)))
            TRY(fail_memory());
    fill_inputs(k, mode, false, t->in);
    TRY(run_reference(j, c, &u, t, t->want));
    bool exact = is_exact(k, t, mode, &nan);
    if (nan) { /* a root or logarithm of what is below zero */
        fill_inputs(k, mode, true, t->in);
        TRY(run_reference(j, c, &u, t, t->want));
        exact = is_exact(k, t, mode, &nan) && exact;
    }
    if (!exact) {
        TRY(set_bounds(j, c, &u, t, mode));
        fill_inputs(k, mode, nan, t->in);
        TRY(run_reference(j, c, &u, t, t->want));
    }
    t->known = true;
out:
    setup_free(&u);
    if (err)
        truth_free(t);
    return err;
}

/* ---- Verdicts ---- */

bool judge_reject(struct verdict *v, const char *status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->why, sizeof(v->why), fmt, ap);
    va_end(ap);
    v->status = status;
    return false;
}

bool judge_failed(struct verdict *v, int err)
{
    bool never = err == OCELLI_ERR_UNSUPPORTED || err == OCELLI_ERR_INVALID;
    return judge_reject(v,
                        err == OCELLI_ERR_BUILD ? STATUS_COMPILE
                        : never                 ? STATUS_CONSTRAINT
                                                : STATUS_DEVICE,
                        "%s", ocelli_error());
}

/* What a transform adds to an element spreads over its tile: all may be off as far as the one with
 * the widest bound. */
static double widest(const struct truth *t, int r, int64_t n, int noise)
{
    double most = 0;
    for (int64_t i = 0; noise > 0 && t->bound[r] && i < n; i++)
        most = MAX(most, noise * (double)t->bound[r][i]);
    return most;
}

static bool compare(const struct work_case *k, const struct truth *t, const struct setup *u,
                    int noise, struct verdict *v)
{
    int b;
    for (int r = 0; (b = result_block(k, r)) >= 0; r++) {
        const struct desc *d = &k->desc[b];
        const uint8_t *got = content(u, b);
        int64_t n = shape_count(&d->shape);
        const double spread = widest(t, r, n, noise);
        for (int64_t i = 0; i < n; i++) {
            double x = element_load(got, d->dtype, i), y = element_load(t->want[r], d->dtype, i);
            double allowed = MAX(t->bound[r] ? t->bound[r][i] : 0, spread), off = fabs(x - y);
            if (x == y || (isnan(x) && isnan(y)))
                continue;
            if (!(off <= allowed))
                return judge_reject(v, STATUS_WRONG, "%s: result %d [%lld] is %.9g, not %.9g%s",
                                    k->text, r, (long long)i, x, y,
                                    allowed > 0 ? " or near it" : "");
            v->error = MAX(v->error, off / allowed);
        }
    }
    return true;
}

/* `first` are the bits of the first run, NULL before it. */
static bool check_run(const struct work_case *k, const struct truth *t, const struct setup *u,
                      int noise, uint8_t **first, struct verdict *v)
{
    int block, b;
    int64_t byte;
    if (!setup_untouched(u, k->updates, &block, &byte))
        return judge_reject(v, STATUS_OVERWRITES,
                            "%s: byte %lld of buffer %d, which is not its to write", k->text,
                            (long long)byte, block);
    if (!first[0] && !compare(k, t, u, noise, v))
        return false;
    for (int r = 0; (b = result_block(k, r)) >= 0; r++) {
        size_t bytes = u->block[b].bytes;
        if (first[r] && memcmp(first[r], content(u, b), bytes) != 0)
            return judge_reject(v, STATUS_UNSTABLE, "%s: another run gave other bits", k->text);
        if (!first[r] && (first[r] = malloc(bytes)))
            memcpy(first[r], content(u, b), bytes);
    }
    return true;
}

/* One case in one mode; false with a verdict. *err: the judge's own trouble. */
static bool check_case(struct judge *j, int c, enum judge_mode mode, const struct setup *u,
                       int repeats, int noise, struct verdict *v, int *err)
{
    const struct work_case *k = &j->work->cases[c];
    const struct truth *t;
    uint8_t *first[WORK_MAX_BUFFERS] = {0};
    bool ok = true;
    if (!j->truth[c][mode].known)
        j->stage(j->user, STAGE_REFERENCE);
    *err = truth_of(j, c, mode, &t);
    if (*err)
        return false;
    j->stage(j->user, STAGE_RUN);
    for (int r = 0; r < repeats && ok; r++) {
        judge_load(u, t->in,
                   r == 0   ? 0xFF
                   : r == 1 ? 0x7E
                            : (int)(random_at(5, 1, (uint64_t)r) & 0xFF));
        int failed = setup_run(u, false);
        ok = failed ? judge_failed(v, failed) : check_run(k, t, u, noise, first, v);
    }
    for (int i = 0; i < WORK_MAX_BUFFERS; i++)
        free(first[i]);
    return ok;
}

/* Too much for the reference, which takes a hundred times as long as any candidate. In the race,
 * its results are compared with the default's. */
static bool is_large(const struct work_case *k)
{
    double n = 0, results = 0;
    for (int i = 0; i < k->n_in + k->n_out; i++) {
        double e = k->desc[i].shape.rank < 0 ? 0 : (double)shape_count(&k->desc[i].shape);
        n += e;
        results += i < k->n_in ? 0 : e;
    }
    return n > 1e6 || results * k->terms > 2e7;
}

int judge_check(struct judge *j, const struct candidate *k, struct verdict *v)
{
    const int noise = j->work->noise ? j->work->noise(j->work->user, k) : 0;
    int last = j->work->n_cases - 1, seen = 0, err = 0;
    *v = (struct verdict){.status = STATUS_OK};
    for (int c = 0; c <= last; c++) {
        struct setup u = {0};
        if (c < last ? seen >= CASES : seen > 0 && is_large(&j->work->cases[c]))
            continue;
        j->stage(j->user, STAGE_COMPILE);
        int failed = judge_setup(j, c, k, false, &u);
        bool skipped = failed == OCELLI_ERR_UNSUPPORTED && c < last;
        bool ok = failed ? skipped || judge_failed(v, failed) : true;
        if (!failed) {
            const int repeats = seen ? REPEATS : REPEATS_FIRST;
            /* Transforms make whole numbers inexact: then real ones have to tell. */
            if (noise == 0)
                ok = check_case(j, c, JUDGE_WHOLE, &u, repeats, 0, v, &err);
            /* The large one once, for what only shows there; real numbers are the small ones'
             * business. */
            if (ok && (c < last || noise > 0 || seen == 0))
                ok =
                    check_case(j, c, JUDGE_REAL, &u, noise > 0 ? repeats : REPEATS, noise, v, &err);
            seen++;
        }
        setup_free(&u);
        if (err || !ok)
            break;
    }
    return err;
}

int judge_prepare(struct judge *j, const struct candidate *k)
{
    int last = j->work->n_cases - 1, seen = 0, err = 0;
    for (int c = 0; c <= last && !err; c++) {
        struct launches l = {0};
        const struct launches *list = &l;
        if (c < last && seen >= CASES)
            continue;
        err = j->work->plan(j->work->user, c, k, &l);
        if (err == OCELLI_ERR_UNSUPPORTED && c < last) {
            err = 0;
            continue;
        }
        err = err ? err : device_compile(j->dev, &list, 1);
        launches_free(&l);
        seen++;
    }
    return err;
}

/* ---- The judge ---- */

static void no_stage(void *user, const char *what)
{
    (void)user, (void)what;
}

int judge_create(struct judge **out, struct ocelli_device *dev, const struct work *w,
                 void (*stage)(void *user, const char *what), void *user)
{
    struct judge *j = calloc(1, sizeof(*j));
    if (!j)
        return fail_memory();
    *j = (struct judge){.dev = dev, .work = w, .stage = stage ? stage : no_stage, .user = user};
    *out = j;
    return 0;
}

void judge_destroy(struct judge **jp)
{
    struct judge *j = *jp;
    if (!j)
        return;
    judge_forget_contenders(j);
    for (int c = 0; c < WORK_MAX_CASES; c++)
        for (int m = 0; m < JUDGE_MODES; m++)
            truth_free(&j->truth[c][m]);
    free(j);
    *jp = NULL;
}
