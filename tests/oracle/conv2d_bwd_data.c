#include "oracle/conv2d.h"

#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct conv2d_bwd_data_attr *a = p->attr;
    struct conv_sums s = {in[0], in[1], out[0], mag[0]};
    const struct conv2d_walk k = {&p->out[0].shape, &p->in[1].shape, &p->in[0].shape, &a->conv};
    memset(out[0], 0, (size_t)shape_count(k.x) * sizeof(double));
    memset(mag[0], 0, (size_t)shape_count(k.x) * sizeof(double));
    conv2d_walk(&k, conv_backward, &s);
}

/* At most: every output channel of the group and every tap. */
static double terms(const struct problem *p, int k)
{
    const struct conv2d_bwd_data_attr *a = p->attr;
    const int64_t *w = p->in[1].shape.dim;
    (void)k;
    return (double)(w[0] / a->conv.groups * w[2] * w[3]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    struct conv2d_random k = conv2d_pick(seed, budget);
    text_add(out, "conv2d_bwd_data dy=%dx%dx%dx%d w=%dx%dx%dx%d size=%d,%d", k.n, k.g * k.out_c,
             k.out[0], k.out[1], k.g * k.out_c, k.in_c, k.kernel[0], k.kernel[1], k.in[0], k.in[1]);
    conv2d_print(&k, out);
    epilogue_print(seed, k.g * k.in_c, out);
}

const struct oracle oracle_conv2d_bwd_data = {.run = run, .terms = terms, .random = random_problem};
