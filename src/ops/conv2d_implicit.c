/* conv2d/implicit and conv2d_bwd_data/implicit: block sizes and launches of cl/conv2d_implicit.cl.
 */
#include <limits.h>

#include "ops/conv2d.h"
#include "ops/shared.h"
#include "ops/tile.h"

static bool is_data(const struct problem *p)
{
    return p->op == &op_conv2d_bwd_data;
}

/* One dimension of a launch: outputs `pixels`, which lie `pitch` apart from `origin` on; output i
 * and tap t meet the source at i step + t tap + at. Tap t is the filter's first + t every. */
struct axis {
    int pixels, origin, pitch;
    int step, tap, at;
    int taps, first, every;
};

static struct axis forward_axis(const struct conv2d *c, int d)
{
    return (struct axis){c->out[d],    0, 1, c->stride[d], c->dilation[d], -c->pad[d],
                         c->kernel[d], 0, 1};
}

/* The gradient at inputs of one residue r modulo the stride: tap t reaches input h from output (h +
 * pad - t dilation) / stride where that is whole, which it is for every stride / conv2d_gcd(stride,
 * dilation)-th tap or none. */
static struct axis backward_axis(const struct conv2d *c, int d, int r)
{
    const int stride = c->stride[d], dilation = c->dilation[d];
    struct axis a = {.pixels = (c->in[d] - r + stride - 1) / stride,
                     .origin = r,
                     .pitch = stride,
                     .step = 1,
                     .every = stride / conv2d_gcd(stride, dilation)};
    for (a.first = 0; a.first < MIN(a.every, c->kernel[d]); a.first++)
        if ((r + c->pad[d] - a.first * dilation) % stride == 0)
            break;
    if (a.first < MIN(a.every, c->kernel[d]))
        a.taps = (c->kernel[d] - a.first + a.every - 1) / a.every;
    else
        a.first = 0;
    a.tap = -(a.every * dilation / stride);
    a.at = a.taps ? (r + c->pad[d] - a.first * dilation) / stride : 0;
    return a;
}

static struct axis axis_of(const struct conv2d *c, bool data, int d, int residue)
{
    return data ? backward_axis(c, d, residue) : forward_axis(c, d);
}

/* The product of one launch. A gradient's without any tap is one product, which meets nothing. */
static struct product product_of(const struct conv2d *c, bool data, const struct axis a[2])
{
    const int64_t taps = a[0].taps * a[1].taps;
    return (struct product){
        .m = data ? c->in_c : c->out_c,
        .n = (int64_t)c->n * a[0].pixels * a[1].pixels,
        .k = MAX((data ? c->out_c : c->in_c) * taps, 1),
        .batch = c->groups,
        .fixed_column = true,
    };
}

/* The largest of the launches, for which tiles are chosen. */
static bool largest(const struct problem *p, struct conv2d *c, struct product *out)
{
    if (conv2d_of(p, c) != 0)
        return false;
    const bool data = is_data(p);
    double most = -1;
    for (int h = 0; h < (data ? MIN(c->stride[0], c->in[0]) : 1); h++) {
        for (int w = 0; w < (data ? MIN(c->stride[1], c->in[1]) : 1); w++) {
            const struct axis a[2] = {axis_of(c, data, 0, h), axis_of(c, data, 1, w)};
            const struct product q = product_of(c, data, a);
            if ((double)q.n * (double)q.k <= most)
                continue;
            most = (double)q.n * (double)q.k;
            *out = q;
        }
    }
    return true;
}

/* ---- The variant ---- */

#define MAX_PHASES 64 /* launches, one for each residue */

bool conv2d_implicit_applicable(const struct problem *p, const struct caps *caps)
{
    struct conv2d c;
    return !caps->cpu_style && conv2d_of(p, &c) == 0 &&
           (!is_data(p) || (int64_t)c.stride[0] * c.stride[1] <= MAX_PHASES);
}

/* Groups of few channels would leave most rows of a tile empty. */
bool conv2d_implicit_pays(const struct problem *p, const struct caps *caps)
{
    struct conv2d c;
    (void)caps;
    return conv2d_of(p, &c) == 0 && (c.groups == 1 || (is_data(p) ? c.in_c : c.out_c) >= 4);
}

void conv2d_implicit_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d c;
    struct product q;
    if (largest(p, &c, &q))
        tile_defaults(&q, caps, tv);
}

bool conv2d_implicit_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    struct conv2d c;
    struct product q;
    return largest(p, &c, &q) && tile_valid(&q, caps, tv);
}

/* No tap of any output meets a border. */
static bool inside(const struct axis *a, int extent)
{
    const int last = (a->pixels - 1) * a->step, reach = (a->taps - 1) * a->tap;
    return a->taps > 0 && a->at + MIN(reach, 0) >= 0 && a->at + last + MAX(reach, 0) < extent;
}

static void define(struct launch *k, const struct conv2d *c, bool data, const struct axis a[2])
{
    const int *in = data ? c->out : c->in;
    for (int d = 0; d < 2; d++) {
        launch_define(k, "TAPS_%c=%d", "HW"[d], MAX(a[d].taps, 1));
        launch_define(k, "STEP_%c=%d", "HW"[d], a[d].step);
        launch_define(k, "TAP_%c=(%d)", "HW"[d], a[d].tap);
        launch_define(k, "PITCH_%c=%d", "HW"[d], a[d].pitch);
    }
    launch_define(k, "GROUPS=%d", c->groups);
    /* Of a gradient's 1x1 filter the rows lie together. */
    launch_define(k, "A_BY_K=%d", !data || c->kernel[0] * c->kernel[1] > 1);
    launch_define(k, "B_BY_K=0");
    if (!data)
        launch_define(k, "FLAT");
    if (inside(&a[0], in[0]) && inside(&a[1], in[1]))
        launch_define(k, "INSIDE");
    if (a[0].pitch == 1 && a[1].pitch == 1 && (int64_t)a[0].pixels * a[1].pixels % 4 == 0)
        launch_define(k, "WIDE");
}

static void add_launch(const struct problem *p, const struct conv2d *c, const struct axis a[2],
                       int64_t most, const int *tv, int scratch, struct launches *l)
{
    const bool data = is_data(p), none = a[0].taps * a[1].taps == 0;
    const int *in = data ? c->out : c->in, *out = data ? c->in : c->out;
    const int taps = c->kernel[0] * c->kernel[1];
    struct product q = product_of(c, data, a);
    q.most = most;
    struct launch *k = launch_add(l, "conv2d_implicit", "conv2d_implicit");
    define(k, c, data, a);
    launch_storage(k, p);
    tile_define(k, &q, tv);
    tile_out(k, "y", scratch);
    launch_in(k, "x", 0);
    launch_in(k, "w", 1);
    tile_params(k, &q, tv);
    launch_int(k, "in_c", data ? c->out_c : c->in_c);
    launch_int(k, "in_h", none ? 0 : in[0]);
    launch_int(k, "in_w", in[1]);
    launch_int(k, "at_h", a[0].at);
    launch_int(k, "at_w", a[1].at);
    launch_int(k, "out_h", out[0]);
    launch_int(k, "out_w", out[1]);
    launch_int(k, "rows", a[0].pixels);
    launch_int(k, "columns", a[1].pixels);
    launch_int(k, "origin", a[0].origin * out[1] + a[1].origin);
    launch_int(k, "w_group", c->out_c * c->in_c * taps);
    launch_int(k, "w_row", data ? taps : c->in_c * taps);
    launch_int(k, "w_c", data ? c->in_c * taps : taps);
    launch_int(k, "w_r", a[0].every * c->kernel[1]);
    launch_int(k, "w_s", a[1].every);
    launch_int(k, "w_0", a[0].first * c->kernel[1] + a[1].first);
    tile_epilogue(k, p, scratch);
    tile_grid(k, &q, tv);
}

int conv2d_implicit_plan(const struct problem *p, const struct caps *caps, const int *tv,
                         struct launches *l)
{
    struct conv2d c;
    struct product q;
    if (!largest(p, &c, &q))
        return fail(OCELLI_ERR_SHAPE, "not a convolution");
    const bool data = is_data(p);
    const int scratch = tile_scratch(l, &q, tv, (size_t)shape_count(&p->out[0].shape));
    for (int h = 0; h < (data ? MIN(c.stride[0], c.in[0]) : 1); h++) {
        for (int w = 0; w < (data ? MIN(c.stride[1], c.in[1]) : 1); w++) {
            const struct axis a[2] = {axis_of(&c, data, 0, h), axis_of(&c, data, 1, w)};
            add_launch(p, &c, a, q.k, tv, scratch, l);
        }
    }
    tile_sum(l, p, &q, caps, tv, scratch);
    return l->err;
}

/* ---- conv2d_bwd_weights ---- */

static struct product weights_product(const struct conv2d *c)
{
    return (struct product){
        .m = c->out_c,
        .n = (int64_t)c->in_c * c->kernel[0] * c->kernel[1],
        .k = (int64_t)c->n * c->out[0] * c->out[1],
        .batch = c->groups,
    };
}

bool conv2d_bwd_weights_implicit_applicable(const struct problem *p, const struct caps *caps)
{
    (void)p;
    return !caps->cpu_style;
}

void conv2d_bwd_weights_implicit_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    struct conv2d c;
    if (conv2d_of(p, &c) != 0)
        return;
    const struct product q = weights_product(&c);
    tile_defaults(&q, caps, tv);
}

bool conv2d_bwd_weights_implicit_valid(const struct problem *p, const struct caps *caps,
                                       const int *tv)
{
    struct conv2d c;
    if (conv2d_of(p, &c) != 0)
        return false;
    const struct product q = weights_product(&c);
    return tile_valid(&q, caps, tv);
}

int conv2d_bwd_weights_implicit_plan(const struct problem *p, const struct caps *caps,
                                     const int *tv, struct launches *l)
{
    struct conv2d c;
    int err = conv2d_of(p, &c);
    if (err)
        return err;
    const struct product q = weights_product(&c);
    const int scratch = tile_scratch(l, &q, tv, (size_t)shape_count(&p->out[0].shape));
    struct launch *k = launch_add(l, "conv2d_bwd_weights_implicit", "conv2d_bwd_weights_implicit");
    conv2d_define(k, &c);
    launch_define(k, "A_BY_K=1");
    launch_define(k, "B_BY_K=1");
    tile_define(k, &q, tv);
    tile_out(k, "dw", scratch);
    launch_in(k, "dy", 0);
    launch_in(k, "x", 1);
    tile_params(k, &q, tv);
    conv2d_extents(k, &c);
    tile_grid(k, &q, tv);
    tile_sum(l, p, &q, caps, tv, scratch);
    return l->err;
}
