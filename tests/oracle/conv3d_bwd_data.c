#include "oracle/conv3d.h"

#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct conv3d_bwd_data_attr *a = p->attr;
    struct conv_sums s = {in[0], in[1], out[0], mag[0]};
    const struct conv3d_walk k = {&p->out[0].shape, &p->in[1].shape, &p->in[0].shape, &a->conv};
    memset(out[0], 0, (size_t)shape_count(k.x) * sizeof(double));
    memset(mag[0], 0, (size_t)shape_count(k.x) * sizeof(double));
    conv3d_walk(&k, conv_backward, &s);
}

/* At most: every output channel of the group and every tap. */
static double terms(const struct problem *p, int k)
{
    const struct conv3d_bwd_data_attr *a = p->attr;
    const int64_t *w = p->in[1].shape.dim;
    (void)k;
    return (double)(w[0] / a->conv.groups * w[2] * w[3] * w[4]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    struct conv3d_random k = conv3d_pick(seed, budget);
    const struct conv2d_random *p = &k.plane;
    text_add(out, "conv3d_bwd_data dy=%dx%dx%dx%dx%d w=%dx%dx%dx%dx%d size=%d,%d,%d", p->n,
             p->g * p->out_c, k.out, p->out[0], p->out[1], p->g * p->out_c, p->in_c, k.kernel,
             p->kernel[0], p->kernel[1], k.in, p->in[0], p->in[1]);
    conv3d_print(&k, out);
    epilogue_print(seed, p->g * p->in_c, out);
}

const struct oracle oracle_conv3d_bwd_data = {.run = run, .terms = terms, .random = random_problem};
