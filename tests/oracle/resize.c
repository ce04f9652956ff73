#include <math.h>

#include "oracle/random.h"

/* Where element i of y lies in x, from the definition in ONNX's documentation; for tie-breaking in as few
 * roundings as can be. */
static double coordinate(const struct ocelli_resize_params *a, int rank, int d, double n, double to, double i)
{
    double scale = a->scale[d] != 0 ? a->scale[d] : to / n;
    double length = a->scale[d] != 0 ? n * (double)a->scale[d] : to;
    double begin = a->roi[d], end = a->roi[rank + d];
    bool given = a->scale[d] != 0;
    switch (a->coord) {
    case OCELLI_HALF_PIXEL:
    case OCELLI_PYTORCH_HALF_PIXEL:
        if (a->coord == OCELLI_PYTORCH_HALF_PIXEL && length <= 1)
            return 0;
        return given ? (i + 0.5) / scale - 0.5 : ((2 * i + 1) * n - to) / (2 * to);
    case OCELLI_ALIGN_CORNERS:
        return length <= 1 ? 0 : i * (n - 1) / (length - 1);
    case OCELLI_ASYMMETRIC:
        return given ? i / scale : i * n / to;
    default:
        return length <= 1 ? (begin + end) * (n - 1) / 2
                           : begin * (n - 1) + i * (end - begin) * (n - 1) / (length - 1);
    }
}

static double nearest(const struct ocelli_resize_params *a, double at)
{
    switch (a->nearest) {
    case OCELLI_ROUND_PREFER_FLOOR:
        return ceil(at - 0.5);
    case OCELLI_ROUND_PREFER_CEIL:
        return floor(at + 0.5);
    case OCELLI_ROUND_DOWN:
        return floor(at);
    default:
        return ceil(at);
    }
}

/* The weight of the element that lies `distance` away (Keys 1981, equation 4 with a). */
static double kernel(const struct ocelli_resize_params *p, double distance)
{
    double s = fabs(distance), a = p->cubic_a;
    if (p->mode == OCELLI_RESIZE_LINEAR)
        return s < 1 ? 1 - s : 0;
    if (s <= 1)
        return (a + 2) * s * s * s - (a + 3) * s * s + 1;
    return s < 2 ? a * s * s * s - 5 * a * s * s + 8 * a * s - 4 * a : 0;
}

struct taps {
    int n;
    int64_t at[4];
    double weight[4];
};

/* False: outside of what is cropped from. */
static bool make_taps(const struct ocelli_resize_params *a, int rank, int d, int64_t n, int64_t to, int64_t i,
                      struct taps *t)
{
    double at = coordinate(a, rank, d, (double)n, (double)to, (double)i), sum = 0;
    t->n = 0;
    if (a->coord == OCELLI_TF_CROP_AND_RESIZE && (at < 0 || at > (double)(n - 1)))
        return false;
    int reach = a->mode == OCELLI_RESIZE_CUBIC ? 2 : 1;
    for (int k = 1 - reach; k <= reach; k++) {
        bool first = k == 1 - reach;
        double from = a->mode == OCELLI_RESIZE_NEAREST ? nearest(a, at) : floor(at) + k;
        if (a->mode == OCELLI_RESIZE_NEAREST && !first)
            break;
        double w = a->mode == OCELLI_RESIZE_NEAREST ? 1 : kernel(a, at - from);
        if (a->exclude_outside && a->mode != OCELLI_RESIZE_NEAREST && (from < 0 || from >= (double)n))
            w = 0;
        sum += w;
        t->at[t->n] = (int64_t)fmin(fmax(from, 0), (double)(n - 1));
        t->weight[t->n++] = w;
    }
    for (int k = 0; a->exclude_outside && k < t->n; k++)
        t->weight[k] /= sum;
    return true;
}

static void sample(const struct problem *p, const double *x, int64_t i, double *value, double *mag)
{
    const struct ocelli_resize_params *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape, *y = &p->out[0].shape;
    struct taps taps[OCELLI_MAX_RANK];
    int64_t products = 1;
    *mag = 0;
    *value = a->extrapolation;
    for (int d = y->rank - 1; d >= 0; d--) {
        if (!make_taps(a, y->rank, d, s->dim[d], y->dim[d], i % y->dim[d], &taps[d]))
            return;
        products *= taps[d].n;
        i /= y->dim[d];
    }
    *value = 0;
    for (int64_t t = 0; t < products; t++) {
        int64_t rest = t, from = 0, step = 1;
        double w = 1, room = 1;
        for (int d = y->rank - 1; d >= 0; d--) {
            const struct taps *k = &taps[d];
            double v = k->weight[rest % k->n];
            from += k->at[rest % k->n] * step;
            rest /= k->n;
            step *= s->dim[d];
            w *= v;
            /* A weight is off by some units of 1, not of itself. */
            room *= fabs(v) + (k->n > 1 && (v != 0 || a->exclude_outside) ? 0.5 : 0);
        }
        *value += w * x[from];
        *mag += room * fabs(x[from]);
    }
    if (a->mode == OCELLI_RESIZE_NEAREST)
        *mag = 0;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    for (int64_t i = 0; i < shape_count(&p->out[0].shape); i++)
        sample(p, in[0], i, &out[0][i], &mag[0][i]);
}

static double terms(const struct problem *p, int k)
{
    const struct ocelli_resize_params *a = p->attr;
    double n = 1;
    (void)k;
    for (int d = 0; d < a->shape.rank; d++)
        if (a->shape.dim[d] != p->in[0].shape.dim[d] && a->mode != OCELLI_RESIZE_NEAREST)
            n *= a->mode == OCELLI_RESIZE_LINEAR ? 2 : 4;
    return n;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coords[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                         "asymmetric", "tf_crop_and_resize"};
    static const char *const rounds[] = {"prefer_floor", "prefer_ceil", "floor", "ceil"};
    static const int extents[] = {1, 2, 3, 4, 7, 16, 33};
    int mode = pick(seed, 1, 0, 2), rank = pick(seed, 2, 1, 5), coord = pick(seed, 3, 0, 4);
    struct text x = {0}, y = {0}, roi = {0};
    budget = MIN(budget, 1e5) / 16;
    for (int d = 0; d < rank; d++) {
        int n = MIN(extents[pick(seed, 10 + (uint64_t)d, 0, 6)], MAX((int)budget, 1));
        int to = rank - d > 3 || pick(seed, 20 + (uint64_t)d, 0, 3) == 0 ? n
                 : MIN(extents[pick(seed, 30 + (uint64_t)d, 0, 6)], MAX((int)budget, 1));
        text_add(&x, d ? "x%d" : "%d", n);
        text_add(&y, d ? "x%d" : "%d", to);
        text_add(&roi, "%s%g", d ? "," : "", pick(seed, 40 + (uint64_t)d, -1, 4) / 8.0);
        budget /= MAX(n, to);
    }
    for (int d = 0; d < rank; d++)
        text_add(&roi, ",%g", pick(seed, 50 + (uint64_t)d, 5, 9) / 8.0);
    text_add(out, "resize x=%s mode=%s coord=%s nearest=%s shape=%s", x.s, modes[mode], coords[coord],
             rounds[pick(seed, 4, 0, 3)], y.s);
    if (coord == 4)
        text_add(out, " roi=%s extrapolation=3", roi.s);
    if (pick(seed, 5, 0, 2) == 0)
        text_add(out, " exclude_outside=1");
    if (mode == 2 && pick(seed, 6, 0, 1))
        text_add(out, " cubic_a=-0.5");
    text_free(&x);
    text_free(&y);
    text_free(&roi);
}

const struct oracle oracle_resize = {
    .run = run, .terms = terms, .inexact = true, .random = random_problem};
