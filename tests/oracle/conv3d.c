#include "oracle/conv3d.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    struct conv_sums s = {in[0], in[1], out[0], mag[0]};
    const struct conv3d_walk k = {&p->in[0].shape, &p->in[1].shape, &p->out[0].shape, p->attr};
    memset(out[0], 0, (size_t)shape_count(k.y) * sizeof(double));
    memset(mag[0], 0, (size_t)shape_count(k.y) * sizeof(double));
    conv3d_walk(&k, conv_forward, &s);
}

static double terms(const struct problem *p, int k)
{
    const int64_t *w = p->in[1].shape.dim;
    (void)k;
    return (double)(w[1] * w[2] * w[3] * w[4]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    struct conv3d_random k = conv3d_pick(seed, budget);
    const struct conv2d_random *p = &k.plane;
    text_add(out, "conv3d x=%dx%dx%dx%dx%d w=%dx%dx%dx%dx%d", p->n, p->g * p->in_c, k.in, p->in[0],
             p->in[1], p->g * p->out_c, p->in_c, k.kernel, p->kernel[0], p->kernel[1]);
    conv3d_print(&k, out);
    epilogue_print(seed, p->g * p->out_c, out);
}

const struct oracle oracle_conv3d = {.run = run, .terms = terms, .random = random_problem};
