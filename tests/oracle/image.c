#include <math.h>

#include "ops/attrs.h"
#include "oracle/random.h"

/* A box of n pixels from `first` on becomes `to`; the crop-th and those behind it are wanted. */
struct line {
    int64_t first, n, to, crop;
};

static struct line line_of(const struct problem *p, int d)
{
    const struct image_attr *a = p->attr;
    struct line l = {a->box[d], a->box[2 + d], a->size[d], a->crop[d]};
    l.n = l.n ? l.n : p->in[0].shape.dim[d] - l.first;
    l.to = l.to ? l.to : l.n;
    return l;
}

/* What pixel k of the box weighs for element i: a triangle around the element's middle that is `reach` wide to
 * each side. */
static double weight(const struct image_attr *a, const struct line *l, int64_t i, int64_t k)
{
    double scale = (double)l->n / (double)l->to, reach = a->antialias ? fmax(scale, 1) : 1;
    double far = fabs(((double)k + 0.5) - ((double)(l->crop + i) + 0.5) * scale) / reach;
    return far < 1 ? 1 - far : 0;
}

static double pixel(const struct problem *p, const double *x, int64_t y, int64_t column, int c)
{
    const struct image_attr *a = p->attr;
    const int64_t channels = p->in[0].shape.dim[2];
    x += (y * p->in[0].shape.dim[1] + column) * channels;
    if (channels == 1)
        return x[0];
    if (a->channels == 1)
        return 0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2];
    return x[a->bgr ? 2 - c : c];
}

/* Nothing is rounded on the way. */
static bool is_exact(const struct problem *p)
{
    const struct image_attr *a = p->attr;
    const struct line h = line_of(p, 0), w = line_of(p, 1);
    bool whole = p->in[0].shape.dim[2] == 1 || a->channels == 3;
    for (int c = 0; c < 3; c++)
        whole = whole && a->mul[c] == rint(a->mul[c]) && a->add[c] == rint(a->add[c]);
    return whole && h.n == h.to && w.n == w.to;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct image_attr *a = p->attr;
    const struct line h = line_of(p, 0), w = line_of(p, 1);
    const int64_t *y = p->out[0].shape.dim;
    for (int64_t e = 0; e < shape_count(&p->out[0].shape); e++) {
        const int c = (int)(e / (y[2] * y[3]));
        const int64_t i = e / y[3] % y[2], j = e % y[3];
        double sum = 0, value = 0, around = 0;
        for (int64_t r = 0; r < h.n; r++) {
            double v = weight(a, &h, i, r);
            for (int64_t s = 0; v > 0 && s < w.n; s++) {
                double u = weight(a, &w, j, s), x = pixel(p, in[0], h.first + r, w.first + s, c);
                sum += u * v;
                value += u * v * x;
                /* A weight is off by some units of 1, not of itself. */
                around += u > 0 ? (u + 0.5) * (v + 0.5) * x : 0;
            }
        }
        out[0][e] = value / sum * a->mul[c] + a->add[c];
        mag[0][e] = is_exact(p) ? 0 : around / sum * fabs(a->mul[c]) + fabs(a->add[c]);
    }
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)mode;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = (double)(random_at(seed, (uint64_t)i, (uint64_t)j) % 256);
    return true;
}

static double terms(const struct problem *p, int k)
{
    double n = 1;
    for (int d = 0; d < 2; d++) {
        const struct line l = line_of(p, d);
        n *= fmax(2.0 * (double)l.n / (double)l.to, 2);
    }
    (void)k;
    return n;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int most = (int)fmin(fmax(sqrt(budget / 8), 2), 70);
    int h = pick(seed, 1, 2, most), w = pick(seed, 2, 2, most);
    int top = pick(seed, 3, 0, h - 2), left = pick(seed, 4, 0, w - 2);
    int th = pick(seed, 5, 2, most), tw = pick(seed, 6, 2, most);
    int y0 = pick(seed, 7, 0, th / 4), x0 = pick(seed, 8, 0, tw / 4);
    text_add(out, "image x=%dx%dx%d:u8 channels=%d size=%d,%d", h, w, pick(seed, 9, 0, 1) ? 3 : 1,
             pick(seed, 10, 0, 1) ? 3 : 1, th, tw);
    if (pick(seed, 11, 0, 1))
        text_add(out, " box=%d,%d,%d,%d", top, left, pick(seed, 12, 2, h - top),
                 pick(seed, 13, 2, w - left));
    if (pick(seed, 14, 0, 1))
        text_add(out, " crop=%d,%d,%d,%d", y0, x0, pick(seed, 15, (th + 1) / 2, th - y0),
                 pick(seed, 16, (tw + 1) / 2, tw - x0));
    text_add(out, "%s%s mul=%g,%g,%g add=%g,%g,%g", pick(seed, 17, 0, 2) ? " antialias=1" : "",
             pick(seed, 18, 0, 1) ? " bgr=1" : "", pick(seed, 19, 1, 9) / 128.0,
             pick(seed, 20, -9, -1) / 8.0, 1.0, pick(seed, 21, -99, 99) / 4.0, -0.5,
             pick(seed, 22, 0, 9) / 8.0);
}

const struct oracle oracle_image = {
    .run = run, .terms = terms, .inexact = true, .fill = fill, .random = random_problem};
