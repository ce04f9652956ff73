#include "ops/conv2d_blocked.h"

#include "oracle/blocked.h"
#include "oracle/conv2d.h"

struct sums {
    struct conv_sums add;
    struct ocelli_shape x, w, y; /* plain ones, channels padded */
    int64_t groups, v, b;        /* blocks of dx, of dy */
    bool deep;
};

/* Where an element of a plain tensor is in blocks of v. */
static int64_t moved(const struct ocelli_shape *s, int64_t i, int64_t v)
{
    const int64_t area = s->dim[2] * s->dim[3], plane = i / area;
    return blocked_at(plane / s->dim[1], plane % s->dim[1], i % area, s->dim[1] / v, area, v);
}

/* The packed filter has channels of x for its filters, and its taps are turned. */
static void visit(void *user, int64_t x, int64_t w, int64_t y)
{
    const struct sums *s = user;
    const int64_t *d = s->w.dim, taps = d[2] * d[3], tap = taps - 1 - w % taps;
    const int64_t per = d[0] / s->groups, m = w / taps / d[1];
    const int64_t c = m / per * d[1] + w / taps % d[1], in = m % per;
    int64_t at = c / s->v * taps + tap;
    if (!s->deep)
        at = ((c / s->v * (per / s->b) + in / s->b) * taps + tap) * s->b + in % s->b;
    conv_add(&s->add, moved(&s->y, y, s->b), at * s->v + c % s->v, moved(&s->x, x, s->v));
}

static struct sums sums_of(const struct problem *p)
{
    const struct conv2d_blocked_bwd_data_attr *a = p->attr;
    const struct ocelli_shape *dy = &p->in[0].shape, *w = &p->in[1].shape, *dx = &p->out[0].shape;
    struct sums s = {.groups = a->conv.groups,
                     .v = dx->dim[4],
                     .b = dy->dim[4],
                     .deep = a->form == FORM_DEPTHWISE};
    const int64_t channels = dx->dim[1] * s.v, filters = dy->dim[1] * s.b;
    const int at = s.deep ? 1 : 2;
    if (s.deep)
        s.groups = channels;
    s.x = OCELLI_SHAPE(dx->dim[0], channels, dx->dim[2], dx->dim[3]);
    s.y = OCELLI_SHAPE(dx->dim[0], filters, dy->dim[2], dy->dim[3]);
    s.w = OCELLI_SHAPE(filters, channels / s.groups, w->dim[at], w->dim[at + 1]);
    return s;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const int64_t n = shape_count(&p->out[0].shape);
    struct sums s = sums_of(p);
    struct ocelli_conv2d_params conv = ((const struct conv2d_blocked_bwd_data_attr *)p->attr)->conv;
    conv.groups = (int)s.groups;
    s.add = (struct conv_sums){in[0], in[1], out[0], mag[0]};
    memset(out[0], 0, (size_t)n * sizeof(double));
    memset(mag[0], 0, (size_t)n * sizeof(double));
    conv2d_walk(&(struct conv2d_walk){&s.x, &s.w, &s.y, &conv}, visit, &s);
}

/* At most: every output channel of the group and every tap. */
static double terms(const struct problem *p, int k)
{
    const struct sums s = sums_of(p);
    (void)k;
    return (double)(s.w.dim[0] / s.groups * s.w.dim[2] * s.w.dim[3]);
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    struct conv2d_random k = conv2d_pick(seed, budget / 64);
    const bool deep = pick(seed, 60, 0, 3) == 0;
    const int v = 4 << pick(seed, 61, 0, 2), b = deep || pick(seed, 62, 0, 3) ? v : 8;
    const int in = (k.in_c + v - 1) / v, o = deep ? in : (k.out_c + b - 1) / b;
    text_add(out, "conv2d_blocked_bwd_data dy=%dx%dx%dx%dx%d", k.n, o * k.g, k.out[0], k.out[1], b);
    if (deep)
        text_add(out, " w=%dx%dx%dx%d form=depthwise", in * k.g, k.kernel[0], k.kernel[1], v);
    else
        text_add(out, " w=%dx%dx%dx%dx%dx%d", in * k.g, o, k.kernel[0], k.kernel[1], b, v);
    text_add(out, " size=%d,%d", k.in[0], k.in[1]);
    if (deep)
        k.g = 1;
    conv2d_print(&k, out);
    if (pick(seed, 64, 0, 2) == 0)
        text_add(out, " residual=1");
    if (pick(seed, 65, 0, 1))
        text_add(out, " grad=relu");
}

const struct oracle oracle_conv2d_blocked_bwd_data = {
    .run = run, .terms = terms, .random = random_problem};
