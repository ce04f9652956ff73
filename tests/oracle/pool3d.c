#include "oracle/pool3d.h"

#include <float.h>

#include "ops/shared.h"

/* What below everything the type holds. */
static double lowest(enum ocelli_dtype type)
{
    static const double low[] = {
        [OCELLI_I32] = INT32_MIN, [OCELLI_I64] = (double)INT64_MIN,
        [OCELLI_I16] = INT16_MIN, [OCELLI_I8] = INT8_MIN,
        [OCELLI_BOOL] = 0,
    };
    return dtype_is_float(type) ? -INFINITY : low[type];
}

struct window {
    const struct volume *v;
    const double *x;
    double most, sum, mag;
};

static void visit(void *user, int64_t z, int64_t y, int64_t x)
{
    struct window *w = user;
    double t = w->x[(z * w->v->axis[1].in + y) * w->v->axis[2].in + x];
    if (!(t <= w->most) && !isnan(w->most))
        w->most = t;
    w->sum += t;
    w->mag += fabs(t);
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_pool_params *a = p->attr;
    struct volume v = volume_of(p);
    int64_t n = windows(&v);
    for (int64_t i = 0; i < shape_count(&p->out[0].shape); i++) {
        struct window w = {&v, in[0] + i / n * volume(&v), lowest(p->in[0].dtype), 0, 0};
        double count = fmax((double)window_count(&v, i % n), 1);
        each_tap(&v, i % n, visit, &w);
        out[0][i] = a->kind == OCELLI_POOL_AVERAGE ? w.sum / count : w.most;
        mag[0][i] = a->kind == OCELLI_POOL_AVERAGE ? w.mag / count
                    : isfinite(w.most)             ? fabs(w.most)
                                                   : 0;
        if (!v.fits) /* the shape is wrong: nothing that comes out of it is right */
            out[0][i] = 123;
    }
}

static double terms(const struct problem *p, int k)
{
    const struct ocelli_pool_params *a = p->attr;
    (void)k;
    return a->kind == OCELLI_POOL_AVERAGE ? (double)a->kernel[0] * a->kernel[1] * a->kernel[2] : 1;
}

/* Whole numbers whose averages are whole; NaN and infinities among real ones for a maximum. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    static const double rare[] = {NAN, INFINITY, -INFINITY};
    const struct ocelli_pool_params *a = p->attr;
    struct volume v = volume_of(p);
    int64_t n = shape_count(&p->in[i].shape), l = 1;
    if (a->kind == OCELLI_POOL_MAX && mode == FILL_REAL && dtype_is_float(p->in[0].dtype)) {
        for (int64_t j = 0; j < n; j++) {
            int kind = pick(seed, (uint64_t)(2 * j), 0, 63);
            x[j] = kind < 3 ? rare[kind] : pick(seed, (uint64_t)(2 * j + 1), -512, 512) / 512.0;
        }
        return true;
    }
    if (a->kind != OCELLI_POOL_AVERAGE || mode != FILL_INTEGER)
        return false;
    for (int64_t o = 0; o < windows(&v); o++) {
        int64_t count = window_count(&v, o);
        l = count ? l / gcd(l, count) * count : l;
    }
    for (int64_t j = 0; j < n; j++)
        x[j] = (double)(l * pick(seed, (uint64_t)j, -2, 2));
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const types[] = {"", "", "", ":f64", ":u8", ":i8", ":i32"};
    struct text words = {0};
    int in[3], type = pick(seed, 310, 0, 6), average = type < 4 && pick(seed, 311, 0, 1);
    random_volume(seed, budget, in, &words);
    text_add(out, "pool3d x=%dx%dx%dx%dx%d%s%s", pick(seed, 312, 1, 2), pick(seed, 313, 1, 4),
             in[0], in[1], in[2], types[type], words.s ? words.s : "");
    if (average)
        text_add(out, " kind=average count_include_pad=%d", pick(seed, 314, 0, 1));
    text_free(&words);
}

const struct oracle oracle_pool3d = {
    .run = run, .terms = terms, .fill = fill, .random = random_problem};
