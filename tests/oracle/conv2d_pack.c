#include "oracle/blocked.h"
#include "ops/conv2d_blocked.h"

/* Rows of G (Lavin and Gray 2015): the filter's values at points, divided. */
static double factor(const struct winograd *f, int row, int tap)
{
    static const double point[2][5] = {{0, 1, -1}, {0, 1, -1, 2, -2}};
    static const double divisor[2][5] = {{1, 2, 2}, {4, -6, -6, 24, 24}};
    const int six = f->window == 6;
    if (row == f->window - 1)
        return tap == f->taps - 1;
    return (tap ? pow(point[six][row], tap) : 1) / divisor[six][row];
}

/* G g G^T. */
static void winograd(const struct winograd *f, const double *g, double *y, double *mag,
                     int64_t step)
{
    const int n = f->window, taps = f->taps;
    for (int i = 0; i < n * n; i++) {
        double v = 0, m = 0;
        for (int j = 0; j < taps * taps; j++) {
            double t = factor(f, i / n, j / taps) * factor(f, i % n, j % taps) * g[j];
            v += t;
            m += fabs(t);
        }
        y[i * step] = fabs(v - round(v)) < 1e-9 ? round(v) : v;
        mag[i * step] = m;
    }
}

/* The filter of the gradient of a convolution with `groups` groups: channels of a group swapped,
 * rows and columns turned. */
static double *turned(const double *w, const int64_t *d, int64_t groups)
{
    const int64_t per = d[0] / groups, taps = d[2] * d[3];
    double *g = malloc((size_t)(d[0] * d[1] * taps) * sizeof(*g));
    for (int64_t m = 0; g && m < d[0]; m++)
        for (int64_t c = 0; c < d[1]; c++)
            for (int64_t t = 0; t < taps; t++)
                g[((m / per * d[1] + c) * per + m % per) * taps + (d[2] - 1 - t / d[3]) * d[3] +
                  d[3] - 1 - t % d[3]] = w[(m * d[1] + c) * taps + t];
    return g;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct conv2d_pack_attr *a = p->attr;
    const int64_t *w = p->in[0].shape.dim, v = a->block, b = a->x_block;
    const int64_t taps = a->form == FORM_BIAS ? 1 : w[2] * w[3];
    int64_t filters = w[0], depth = a->form == FORM_BIAS ? 1 : w[1];
    double *back = NULL;
    if (a->backward) {
        const int64_t groups = a->form == FORM_DEPTHWISE ? w[0] : a->groups;
        back = turned(in[0], w, groups);
        filters = depth * groups;
        depth = w[0] / groups;
        if (!back)
            return;
    }
    const int64_t blocks = (depth + b - 1) / b;
    const struct winograd f = conv2d_winograd_of((enum conv2d_form)a->form);
    for (int64_t m = 0; m < filters; m++) {
        for (int64_t c = 0; c < depth; c++) {
            const double *g = (back ? back : in[0]) + (m * depth + c) * taps;
            if (f.window) {
                int64_t at = m / v * f.window * f.window * blocks * b * v + c * v + m % v;
                winograd(&f, g, out[0] + at, mag[0] + at, blocks * b * v);
                continue;
            }
            for (int64_t t = 0; t < taps; t++) {
                int64_t row = a->form == FORM_DIRECT ? m / v * blocks + c / b : m / v;
                int64_t at = row * taps + t;
                if (a->form == FORM_DIRECT)
                    at = at * b + c % b;
                out[0][at * v + m % v] = g[t];
            }
        }
    }
    free(back);
}

static double terms(const struct problem *p, int k)
{
    (void)k;
    const struct conv2d_pack_attr *a = p->attr;
    const struct winograd f = conv2d_winograd_of((enum conv2d_form)a->form);
    return MAX(f.taps * f.taps, 1);
}

/* What both transforms divide by stays whole. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    if (mode != FILL_INTEGER || terms(p, 0) == 1)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = 576.0 * pick(seed, (uint64_t)j, -8, 8);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int v = 4 << pick(seed, 1, 0, 2), b = pick(seed, 2, 0, 2) ? v : 1;
    const int form = pick(seed, 3, 0, FORM_BIAS);
    const struct winograd f = conv2d_winograd_of((enum conv2d_form)form);
    int m = pick(seed, 4, 1, 40), c = pick(seed, 5, 1, 40), r = pick(seed, 6, 1, 5);
    while (m * c * r * r > budget && m * c > 1) {
        m = (m + 1) / 2;
        c = (c + 1) / 2;
    }
    if (form == FORM_BIAS)
        text_add(out, "conv2d_pack w=%d", m);
    else if (f.window)
        text_add(out, "conv2d_pack w=%dx%dx%dx%d", m, c, f.taps, f.taps);
    else
        text_add(out, "conv2d_pack w=%dx%dx%dx%d", m, form == FORM_DIRECT ? c : 1, r,
                 pick(seed, 7, 1, 5));
    text_add(out, " form=%s block=%d x_block=%d", conv2d_form_words[form], v, b);
    if (form != FORM_BIAS && pick(seed, 8, 0, 1))
        text_add(out, " backward=1");
}

const struct oracle oracle_conv2d_pack = {
    .run = run, .terms = terms, .fill = fill, .random = random_problem};
