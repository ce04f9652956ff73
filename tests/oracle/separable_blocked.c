#include "ops/conv2d_blocked.h"

#include "oracle/act.h"
#include "oracle/blocked.h"
#include "oracle/conv2d.h"

/* The depthwise convolution of channel c of image n at one pixel: its value through the function,
 * *mag the absolute values of what was added up. */
static double deep_at(const struct conv2d_deep *d, int v, const double *const *in, int64_t n,
                      int64_t c, int64_t oh, int64_t ow, double *mag)
{
    const struct conv2d *k = &d->c;
    const int64_t area = (int64_t)k->in[0] * k->in[1], blocks = k->groups / v;
    double sum = d->bias ? in[4][c] : 0;
    *mag = fabs(sum);
    for (int64_t r = 0; r < k->kernel[0]; r++) {
        for (int64_t s = 0; s < k->kernel[1]; s++) {
            const int64_t h = oh * k->stride[0] + r * k->dilation[0] - k->pad[0];
            const int64_t w = ow * k->stride[1] + s * k->dilation[1] - k->pad[1];
            if (h < 0 || h >= k->in[0] || w < 0 || w >= k->in[1])
                continue;
            const double t = in[0][blocked_at(n, c, h * k->in[1] + w, blocks, area, v)] *
                             in[3][((c / v * k->kernel[0] + r) * k->kernel[1] + s) * v + c % v];
            sum += t;
            *mag += fabs(t);
        }
    }
    return act_value(&d->act, sum);
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    struct conv2d_blocked g;
    struct conv2d_deep d;
    if (separable_geometry(&g, &d, p) != 0)
        return;
    const int64_t v = g.v, area = (int64_t)g.c.out[0] * g.c.out[1], blocks = g.c.out_c / v;
    for (int64_t i = 0; i < shape_count(&p->out[0].shape); i++) {
        const int64_t m = i / v / area % blocks * v + i % v;
        out[0][i] = g.bias ? in[2][m] : 0;
        mag[0][i] = fabs(out[0][i]);
    }
    for (int64_t n = 0; n < g.c.n; n++) {
        for (int64_t c = 0; c < g.c.in_c; c++) {
            for (int64_t i = 0; i < area; i++) {
                double most, x = deep_at(&d, g.v, in, n, c, i / g.c.out[1], i % g.c.out[1], &most);
                for (int64_t m = 0; m < g.c.out_c; m++) {
                    const double w = in[1][(m / v * g.c.in_c + c) * v + m % v];
                    const int64_t at = blocked_at(n, m, i, blocks, area, v);
                    out[0][at] += x * w;
                    mag[0][at] += most * fabs(w);
                }
            }
        }
    }
}

static double terms(const struct problem *p, int k)
{
    struct conv2d_blocked g;
    struct conv2d_deep d;
    (void)k;
    if (separable_geometry(&g, &d, p) != 0)
        return 1;
    return (double)g.c.in_c + g.bias + d.c.kernel[0] * d.c.kernel[1] + d.bias;
}

/* Small, for the products are of three. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    if (mode != FILL_INTEGER)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = pick(seed + (uint64_t)i, (uint64_t)j, -2, 2);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const functions[] = {"", " function=relu",
                                            " function=clip alpha=-0.5 beta=6"};
    struct conv2d_random k = conv2d_pick(seed, budget / 256);
    const int v = 4 << pick(seed, 61, 0, 2);
    const int in = (k.in_c + v - 1) / v, o = (k.out_c + v - 1) / v;
    text_add(out, "separable_blocked x=%dx%dx%dx%dx%d w=%dx%dx1x1x%dx%d d=%dx%dx%dx%d", k.n, in,
             k.in[0], k.in[1], v, o, in, v, v, in, k.kernel[0], k.kernel[1], v);
    if (pick(seed, 62, 0, 1))
        text_add(out, " b=%dx%d", o, v);
    if (pick(seed, 63, 0, 1))
        text_add(out, " e=%dx%d", in, v);
    k.g = 1;
    conv2d_print(&k, out);
    text_add(out, "%s", functions[pick(seed, 64, 0, 2)]);
    if (pick(seed, 65, 0, 2) == 0)
        text_add(out, " residual=1");
    if (pick(seed, 66, 0, 1))
        text_add(out, " act=relu");
}

const struct oracle oracle_separable_blocked = {
    .run = run, .terms = terms, .fill = fill, .random = random_problem};
