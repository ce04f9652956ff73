#include "ops/conv2d_blocked.h"

#include "oracle/blocked.h"
#include "oracle/conv2d.h"

struct sums {
    const double *x, *dy;
    double *dw, *mag;
    struct ocelli_shape plain[2]; /* of x and dy */
    int64_t v[2];                 /* blocks of them, 1: plain */
};

static int64_t moved(const struct sums *s, int k, int64_t i)
{
    const int64_t *d = s->plain[k].dim, area = d[2] * d[3], plane = i / area;
    return blocked_at(plane / d[1], plane % d[1], i % area, (d[1] + s->v[k] - 1) / s->v[k], area,
                      s->v[k]);
}

static void visit(void *user, int64_t x, int64_t w, int64_t y)
{
    const struct sums *s = user;
    const double t = s->x[moved(s, 0, x)] * s->dy[moved(s, 1, y)];
    s->dw[w] += t;
    s->mag[w] += fabs(t);
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct conv2d_blocked_bwd_weights_attr *a = p->attr;
    const int64_t n = shape_count(&p->out[0].shape);
    struct sums s = {.x = in[0], .dy = in[1], .dw = out[0], .mag = mag[0]};
    for (int k = 0; k < 2; k++) {
        const struct ocelli_shape *shape = &p->in[k].shape;
        s.plain[k] = OCELLI_SHAPE(shape->dim[0], a->channels[k], shape->dim[2], shape->dim[3]);
        s.v[k] = shape->rank == 5 ? shape->dim[4] : 1;
    }
    memset(out[0], 0, (size_t)n * sizeof(double));
    memset(mag[0], 0, (size_t)n * sizeof(double));
    conv2d_walk(&(struct conv2d_walk){&s.plain[0], &p->out[0].shape, &s.plain[1], &a->conv}, visit,
                &s);
}

static double terms(const struct problem *p, int k)
{
    const int64_t *dy = p->in[1].shape.dim;
    (void)k;
    return (double)(dy[0] * dy[2] * dy[3]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    struct conv2d_random k = conv2d_pick(seed, budget);
    const int v = 4 << pick(seed, 60, 0, 2), kind = pick(seed, 61, 0, 3);
    const int b = kind == 0 ? 1 : v;
    if (kind == 1) /* depthwise, in blocks that are not full */
        k.in_c = k.out_c = 1;
    const int c = k.g * k.in_c, m = k.g * k.out_c;
    text_add(out, "conv2d_blocked_bwd_weights x=%dx%dx%dx%d", k.n, (c + b - 1) / b, k.in[0],
             k.in[1]);
    if (b > 1)
        text_add(out, "x%d", b);
    text_add(out, " dy=%dx%dx%dx%dx%d kernel=%d,%d channels=%d,%d", k.n, (m + v - 1) / v, k.out[0],
             k.out[1], v, k.kernel[0], k.kernel[1], c, m);
    conv2d_print(&k, out);
}

const struct oracle oracle_conv2d_blocked_bwd_weights = {
    .run = run, .terms = terms, .random = random_problem};
