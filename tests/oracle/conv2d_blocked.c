#include "ops/conv2d_blocked.h"

#include "oracle/blocked.h"
#include "oracle/conv2d.h"

struct sums {
    const struct conv2d_blocked *g;
    const double *x, *w;
    double *y, *mag;
};

/* Plain numbers of elements to packed ones. */
static void visit(void *user, int64_t x, int64_t w, int64_t y)
{
    struct sums *s = user;
    const struct conv2d_blocked *g = s->g;
    const struct conv2d *c = &g->c;
    const int64_t in = (int64_t)c->in[0] * c->in[1], out = (int64_t)c->out[0] * c->out[1];
    const int64_t all_in = (int64_t)c->in_c * c->groups, all_out = (int64_t)c->out_c * c->groups;
    const int64_t taps = (int64_t)c->kernel[0] * c->kernel[1];
    const int64_t tap = w % taps, depth = w / taps % c->in_c, m = w / taps / c->in_c;
    int64_t row = m / g->v;
    if (g->form == FORM_DIRECT)
        row = row * (c->in_c / g->xv) + depth / g->xv;
    row = row * taps + tap;
    if (g->form == FORM_DIRECT)
        row = row * g->xv + depth % g->xv;
    const int64_t xi =
        blocked_at(x / in / all_in, x / in % all_in, x % in, all_in / g->xv, in, g->xv);
    const int64_t yi =
        blocked_at(y / out / all_out, y / out % all_out, y % out, all_out / g->v, out, g->v);
    const double t = s->x[xi] * s->w[row * g->v + m % g->v];
    s->y[yi] += t;
    s->mag[yi] += fabs(t);
}

/* ---- Winograd: A^T [sum over channels of U * (B^T d B)] A, whatever U is ---- */

static const double BT4[4][6] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const double BT6[6][6] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
                                 {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
static const double AT24[2][6] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
static const double AT26[2][6] = {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 1}};
static const double AT46[4][6] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};

struct tile {
    double v[36], mag[36];
};

/* B^T d B of one channel's window at (h, w). */
static struct tile spread(const struct sums *s, int64_t n, int64_t ch, int64_t h, int64_t w)
{
    const struct conv2d *c = &s->g->c;
    const int k = conv2d_winograd_of(s->g->form).window;
    const double(*bt)[6] = k == 6 ? BT6 : BT4;
    struct tile t = {0};
    const int64_t area = (int64_t)c->in[0] * c->in[1];
    for (int64_t j = 0; j < k * k; j++) {
        int64_t ih = h + j / k, iw = w + j % k;
        if (ih < 0 || ih >= c->in[0] || iw < 0 || iw >= c->in[1])
            continue;
        double d = s->x[blocked_at(n, ch, ih * c->in[1] + iw,
                                   (int64_t)c->in_c * c->groups / s->g->v, area, s->g->v)];
        for (int i = 0; i < k * k; i++) {
            double b = bt[i / k][j / k] * bt[i % k][j % k];
            t.v[i] += b * d;
            t.mag[i] += fabs(b * d);
        }
    }
    return t;
}

static void winograd_tile(struct sums *s, int64_t n, int64_t th, int64_t tw, const struct tile *in)
{
    const struct conv2d *c = &s->g->c;
    const struct winograd f = conv2d_winograd_of(s->g->form);
    const int k = f.window;
    const double(*at)[6] = k == 4 ? AT24 : f.out == 2 ? AT26 : AT46;
    const int64_t v = s->g->v, area = (int64_t)c->out[0] * c->out[1];
    for (int64_t m = 0; m < c->out_c * c->groups; m++) {
        struct tile sum = {0};
        for (int64_t ch = 0; ch < c->in_c; ch++) {
            const struct tile *t = &in[m / c->out_c * c->in_c + ch];
            for (int i = 0; i < k * k; i++) {
                double u = s->w[((m / v * k * k + i) * c->in_c + ch) * v + m % v];
                sum.v[i] += u * t->v[i];
                sum.mag[i] += fabs(u) * t->mag[i];
            }
        }
        for (int64_t j = 0; j < f.out * f.out; j++) {
            int64_t oh = th + j / f.out, ow = tw + j % f.out;
            if (oh >= c->out[0] || ow >= c->out[1])
                continue;
            int64_t y = blocked_at(n, m, oh * c->out[1] + ow, c->out_c * c->groups / v, area, v);
            for (int i = 0; i < k * k; i++) {
                double a = at[j / f.out][i / k] * at[j % f.out][i % k];
                s->y[y] += a * sum.v[i];
                s->mag[y] += fabs(a) * sum.mag[i];
            }
        }
    }
}

static void winograd(struct sums *s)
{
    const struct conv2d *c = &s->g->c;
    const int64_t channels = (int64_t)c->in_c * c->groups;
    const int step = conv2d_winograd_of(s->g->form).out;
    struct tile *in = calloc((size_t)channels, sizeof(*in));
    for (int64_t n = 0; in && n < c->n; n++) {
        for (int64_t th = 0; th < c->out[0]; th += step) {
            for (int64_t tw = 0; tw < c->out[1]; tw += step) {
                for (int64_t ch = 0; ch < channels; ch++)
                    in[ch] = spread(s, n, ch, th - c->pad[0], tw - c->pad[1]);
                winograd_tile(s, n, th, tw, in);
            }
        }
    }
    free(in);
}

/* ---- The oracle ---- */

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    struct conv2d_blocked g;
    if (conv2d_blocked_geometry(&g, p) != 0)
        return;
    const struct conv2d *c = &g.c;
    struct sums s = {&g, in[0], in[1], out[0], mag[0]};
    const int64_t n = shape_count(&p->out[0].shape), area = (int64_t)c->out[0] * c->out[1];
    for (int64_t i = 0; i < n; i++) {
        int64_t block = i / g.v / area % p->out[0].shape.dim[1];
        out[0][i] = g.bias ? in[2][block * g.v + i % g.v] : 0;
        mag[0][i] = fabs(out[0][i]);
    }
    if (conv2d_winograd_of(g.form).window) {
        winograd(&s);
        return;
    }
    const struct ocelli_shape x = {4, {c->n, (int64_t)c->groups * c->in_c, c->in[0], c->in[1]}};
    const struct ocelli_shape w = {
        4, {(int64_t)c->groups * c->out_c, c->in_c, c->kernel[0], c->kernel[1]}};
    const struct ocelli_shape y = conv2d_out_shape(c);
    struct ocelli_conv2d_params conv = ((const struct conv2d_blocked_attr *)p->attr)->conv;
    conv.groups = c->groups;
    conv2d_walk(&(struct conv2d_walk){&x, &w, &y, &conv}, visit, &s);
}

/* Winograd's sums go through both transforms, whose factors for whole numbers are up to 10 and 19 a
 * side. */
static double terms(const struct problem *p, int k)
{
    struct conv2d_blocked g;
    (void)k;
    if (conv2d_blocked_geometry(&g, p) != 0)
        return 1;
    const int window = conv2d_winograd_of(g.form).window;
    if (window)
        return window * window + g.c.in_c;
    return (double)g.c.in_c * g.c.kernel[0] * g.c.kernel[1] + g.bias;
}

/* Winograd: few and small, for the sums to stay whole. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    const struct conv2d_blocked_attr *a = p->attr;
    if (mode != FILL_INTEGER || !conv2d_winograd_of((enum conv2d_form)a->form).window || i > 1)
        return false;
    for (int64_t j = 0; j < shape_count(&p->in[i].shape); j++)
        x[j] = pick(seed + (uint64_t)i, (uint64_t)j, 0, 3)
                   ? 0
                   : pick(seed + (uint64_t)i, (uint64_t)j + 7777, -2, 2);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    struct conv2d_random k = conv2d_pick(seed, budget / 64);
    const int form = pick(seed, 60, 0, FORM_BIAS - 1), v = 4 << pick(seed, 61, 0, 2);
    const int plain = form == FORM_DIRECT && k.g == 1 && pick(seed, 62, 0, 2) == 0;
    const int in = plain ? k.in_c : (k.in_c + v - 1) / v, o = (k.out_c + v - 1) / v,
              b = plain ? 1 : v;
    const struct winograd f = conv2d_winograd_of((enum conv2d_form)form);
    if (f.window) {
        for (int i = 0; i < 2; i++)
            k.in[i] = MAX(k.in[i], f.taps);
        text_add(out, "conv2d_blocked x=%dx%dx%dx%dx%d w=%dx%dx%dx%d form=%s pad=%d,%d,%d,%d", k.n,
                 in, k.in[0], k.in[1], v, o, f.window * f.window, in * v, v,
                 conv2d_form_words[form], k.pad[0], k.pad[1], k.pad[2], k.pad[3]);
    } else {
        text_add(out, "conv2d_blocked x=%dx%dx%dx%d", k.n, plain ? in : in * k.g, k.in[0], k.in[1]);
        if (!plain)
            text_add(out, "x%d", v);
        if (form == FORM_DEPTHWISE)
            text_add(out, " w=%dx%dx%dx%d form=depthwise", in * k.g, k.kernel[0], k.kernel[1], v);
        else
            text_add(out, " w=%dx%dx%dx%dx%dx%d", o * k.g, in, k.kernel[0], k.kernel[1], b, v);
        k.g = form == FORM_DEPTHWISE ? 1 : k.g;
        conv2d_print(&k, out);
        k.g = form == FORM_DEPTHWISE ? k.g : 1;
    }
    if (pick(seed, 63, 0, 1) && f.window)
        text_add(out, " b=%dx%d", o, v);
    if (pick(seed, 64, 0, 2) == 0)
        text_add(out, " residual=1");
    if (pick(seed, 65, 0, 1))
        text_add(out, " act=relu");
}

const struct oracle oracle_conv2d_blocked = {
    .run = run, .terms = terms, .fill = fill, .random = random_problem};
