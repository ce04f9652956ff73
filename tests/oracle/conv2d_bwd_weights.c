#include "oracle/conv2d.h"

struct sums {
    const double *dy, *x;
    double *dw, *mag;
};

static void visit(void *user, int64_t x, int64_t w, int64_t y)
{
    struct sums *s = user;
    s->dw[w] += s->dy[y] * s->x[x];
    s->mag[w] += fabs(s->dy[y] * s->x[x]);
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    struct sums s = {in[0], in[1], out[0], mag[0]};
    const struct conv2d_walk k = {&p->in[1].shape, &p->out[0].shape, &p->in[0].shape, p->attr};
    memset(out[0], 0, (size_t)shape_count(k.w) * sizeof(double));
    memset(mag[0], 0, (size_t)shape_count(k.w) * sizeof(double));
    conv2d_walk(&k, visit, &s);
}

static double terms(const struct problem *p, int k)
{
    const int64_t *dy = p->in[0].shape.dim;
    (void)k;
    return (double)(dy[0] * dy[2] * dy[3]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    struct conv2d_random k = conv2d_pick(seed, budget);
    text_add(out, "conv2d_bwd_weights dy=%dx%dx%dx%d x=%dx%dx%dx%d kernel=%d,%d", k.n,
             k.g * k.out_c, k.out[0], k.out[1], k.n, k.g * k.in_c, k.in[0], k.in[1], k.kernel[0],
             k.kernel[1]);
    conv2d_print(&k, out);
}

const struct oracle oracle_conv2d_bwd_weights = {
    .run = run, .terms = terms, .random = random_problem};
