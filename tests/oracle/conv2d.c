#include "oracle/conv2d.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    struct conv_sums s = {in[0], in[1], out[0], mag[0]};
    const struct conv2d_walk k = {&p->in[0].shape, &p->in[1].shape, &p->out[0].shape, p->attr};
    memset(out[0], 0, (size_t)shape_count(k.y) * sizeof(double));
    memset(mag[0], 0, (size_t)shape_count(k.y) * sizeof(double));
    conv2d_walk(&k, conv_forward, &s);
}

static double terms(const struct problem *p, int k)
{
    const int64_t *w = p->in[1].shape.dim;
    (void)k;
    return (double)(w[1] * w[2] * w[3]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    struct conv2d_random k = conv2d_pick(seed, budget);
    text_add(out, "conv2d x=%dx%dx%dx%d w=%dx%dx%dx%d", k.n, k.g * k.in_c, k.in[0], k.in[1],
             k.g * k.out_c, k.in_c, k.kernel[0], k.kernel[1]);
    conv2d_print(&k, out);
    epilogue_print(seed, k.g * k.out_c, out);
}

const struct oracle oracle_conv2d = {.run = run, .terms = terms, .random = random_problem};
