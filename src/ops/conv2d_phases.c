/* conv2d_blocked_bwd_data/direct: the gradient of a convolution of stride SH x SW as SH * SW
 * convolutions of stride 1, each with the taps that meet every SH-th row and SW-th column of dx. No
 * inserted zero is multiplied. */
#include "ops/conv2d_blocked.h"

#define MAX_PHASES 64

/* One dimension of a phase: pixels `at`, at + stride, .. of dx. */
struct line {
    int at, n;                 /* how many pixels */
    int kernel, dilation, pad; /* of the convolution over dy */
    int first_tap, tap_step;   /* in the turned filter */
};

static int divisor(int a, int b)
{
    return b ? divisor(b, a % b) : a;
}

/* Pixel at + i stride gets tap r of dy's pixel i + (at + pad - r dilation) / stride where that is
 * whole: every tap_step-th tap from the first such on. */
static struct line line_of(const struct conv2d *c, int i, int at)
{
    const int stride = c->stride[i], common = divisor(stride, c->dilation[i]);
    struct line l = {.at = at, .tap_step = stride / common, .dilation = c->dilation[i] / common};
    int first = 0;
    l.n = (int)div_up((size_t)(c->in[i] - at), (size_t)stride);
    while (first < c->kernel[i] && (at + c->pad[i] - first * c->dilation[i]) % stride)
        first++;
    if (first == c->kernel[i])
        return l;
    l.kernel = (c->kernel[i] - 1 - first) / l.tap_step + 1;
    l.pad = (l.kernel - 1) * l.dilation - (at + c->pad[i] - first * c->dilation[i]) / stride;
    l.first_tap = c->kernel[i] - 1 - first - (l.kernel - 1) * l.tap_step;
    return l;
}

/* Phase number i of convolution g, NULL pixels: false. */
static bool phase_of(const struct conv2d_blocked *g, int i, struct conv2d_blocked *out,
                     struct conv2d_phase *phase)
{
    const struct conv2d *c = &g->c;
    const int at[2] = {i / c->stride[1], i % c->stride[1]};
    if (at[0] >= c->in[0] || at[1] >= c->in[1])
        return false;
    const struct line h = line_of(c, 0, at[0]), w = line_of(c, 1, at[1]);
    *phase = (struct conv2d_phase){.taps = c->kernel[0] * c->kernel[1],
                                   .first_tap = h.first_tap * c->kernel[1] + w.first_tap,
                                   .tap_row = h.tap_step * c->kernel[1],
                                   .tap_col = w.tap_step,
                                   .area = c->in[0] * c->in[1],
                                   .first = at[0] * c->in[1] + at[1],
                                   .row = c->stride[0] * c->in[1],
                                   .col = c->stride[1]};
    *out = *g;
    out->phase = phase;
    out->c = (struct conv2d){.n = c->n,
                             .groups = c->groups,
                             .in_c = c->out_c,
                             .in = {c->out[0], c->out[1]},
                             .out_c = c->in_c,
                             .out = {h.n, w.n},
                             .kernel = {h.kernel, w.kernel},
                             .stride = {1, 1},
                             .dilation = {h.dilation, w.dilation},
                             .pad = {h.pad, w.pad}};
    return true;
}

static int phases_of(const struct conv2d_blocked *g)
{
    return g->c.stride[0] * g->c.stride[1];
}

/* Those of the phase that has the most to do. */
void conv2d_phases_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d_blocked g, one, most;
    struct conv2d_phase phase, of_most;
    double macs = -1;
    if (conv2d_phases_geometry(&g, p) != 0)
        return;
    for (int i = 0; i < phases_of(&g); i++) {
        if (!phase_of(&g, i, &one, &phase) || conv2d_cost(&one.c).macs <= macs)
            continue;
        macs = conv2d_cost(&one.c).macs;
        most = one;
        of_most = phase;
        most.phase = &of_most;
    }
    conv2d_tile_choose(&most, caps, tv); /* the first phase always has pixels */
}

bool conv2d_phases_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d_blocked g, one;
    struct conv2d_phase phase;
    if (conv2d_phases_geometry(&g, p) != 0)
        return false;
    for (int i = 0; i < phases_of(&g); i++)
        if (phase_of(&g, i, &one, &phase) && !conv2d_tile_fits(&one, caps, tv))
            return false;
    return true;
}

bool conv2d_phases_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d_blocked g;
    int tv[MAX_TUNABLES] = {0};
    if (!caps->cpu_style || p->epi.bias >= 0 || conv2d_phases_geometry(&g, p) != 0 ||
        g.form != FORM_DIRECT || g.xv != g.v || phases_of(&g) > MAX_PHASES)
        return false;
    conv2d_phases_defaults(p, caps, tv);
    return conv2d_phases_valid(p, caps, tv);
}

int conv2d_phases_plan(const struct problem *p, const struct caps *caps, const int *tv,
                       struct launches *l)
{
    struct conv2d_blocked g, one;
    struct conv2d_phase phase;
    int err = conv2d_phases_geometry(&g, p);
    (void)caps;
    if (err)
        return err;
    for (int i = 0; i < phases_of(&g); i++)
        if (phase_of(&g, i, &one, &phase))
            conv2d_tile_launch(l, p, &one, tv);
    return l->err;
}
