/* Which layout and which family a convolution gets, by what each is likely to cost on a CPU. */
#include <math.h>

#include "ops/conv2d_blocked.h"

/* Vectors of multiply-adds a cycle that the families reach (measured on Zen 4; HACKING.md). */
#define PLAIN_RATE 0.4
#define BLOCKED_RATE 0.85

#define REORDER_CYCLES 5000 /* a launch more, with what it takes to start */
#define SMALL (1 << 18)     /* multiply-adds below which no change of layout pays */

static double macs(const struct conv2d *c, double in_c, double out_c)
{
    return (double)c->n * c->groups * in_c * out_c * c->kernel[0] * c->kernel[1] * c->out[0] *
           c->out[1];
}

static double padded(int n, int v)
{
    return (double)round_up((size_t)n, (size_t)v);
}

static bool fits(const struct conv2d *c, int v)
{
    const double in = (double)c->n * c->groups * padded(c->in_c, v) * c->in[0] * c->in[1];
    const double out = (double)c->n * c->groups * padded(c->out_c, v) * c->out[0] * c->out[1];
    const double w =
        padded(c->in_c, v) * padded(c->out_c, v) * c->groups * c->kernel[0] * c->kernel[1];
    return in < (1u << 31) && out < (1u << 31) && w < (1u << 31); /* the kernels count in int */
}

/* Cycles of all units that the best of Winograd's forms takes; infinity: it is not for this. */
static double winograd_cycles(const struct conv2d *c, const struct caps *caps,
                              enum conv2d_form *form)
{
    const size_t v = (size_t)caps->vector_width;
    struct conv2d k = *c;
    double best = HUGE_VAL;
    k.in_c = (int)round_up((size_t)c->in_c, v);
    k.out_c = (int)round_up((size_t)c->out_c, v);
    for (int i = FORM_WINOGRAD; i <= FORM_WINOGRAD_2X5; i++) {
        const double cycles = conv2d_winograd_cycles(&k, (enum conv2d_form)i, (int)v, caps);
        if (cycles < best) {
            best = cycles;
            *form = (enum conv2d_form)i;
        }
    }
    return best;
}

struct conv2d_choice conv2d_choose(const struct conv2d *c, const struct caps *caps, bool x_blocked,
                                   bool exact)
{
    const int v = caps->vector_width;
    struct conv2d_choice k = {.form = FORM_DIRECT};
    const bool depthwise = c->groups > 1 && c->in_c == 1 && c->out_c == 1;
    if (!caps->cpu_style || !fits(c, v) || (!x_blocked && macs(c, c->in_c, c->out_c) < SMALL))
        return k;
    if (c->groups > 1 && !depthwise && (c->in_c % v || c->out_c % v))
        return k;
    if (depthwise) {
        k.form = FORM_DEPTHWISE;
        k.blocked = true;
        return k;
    }
    const double lanes = (double)v * caps->compute_units;
    const double plain = macs(c, c->in_c, c->out_c) / lanes / PLAIN_RATE;
    const double stem = macs(c, c->in_c, padded(c->out_c, v)) / lanes / BLOCKED_RATE;
    double block = macs(c, padded(c->in_c, v), padded(c->out_c, v)) / lanes / BLOCKED_RATE;
    enum conv2d_form form = FORM_DIRECT;
    const double winograd = exact ? HUGE_VAL : winograd_cycles(c, caps, &form);
    if (winograd < block) {
        block = winograd;
        k.form = form;
    }
    const double way =
        x_blocked ? 0 : REORDER_CYCLES + (double)c->n * c->in_c * c->in[0] * c->in[1] / 4;
    k.stem = !x_blocked && c->groups == 1 && stem < block + way;
    if (k.stem)
        k.form = FORM_DIRECT;
    k.blocked = (k.stem ? stem : block + way) < plain + (x_blocked ? REORDER_CYCLES : 0);
    return k;
}
