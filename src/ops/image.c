/* From a picture's bytes to what a network takes: cut, resize, cut, grey or colours, scale and
 * shift.
 *
 * The filter is a triangle that reaches one pixel of the larger side: with antialiasing, when
 * shrinking, a pixel of the result, so that every pixel of the picture counts (as in Pillow and
 * torchvision); else one of the picture's own, which is bilinear interpolation. Weights beyond the
 * edge are left out and the others divided by their sum. One launch resizes the rows, the other the
 * columns. */
#include <math.h>

#include "ops/attrs.h"
#include "ops/shared.h"

#define PARAM(field) offsetof(struct image_attr, field)
static const struct attr attrs[] = {
    {.name = "channels", .type = ATTR_INT, .offset = PARAM(channels), .count = 1, .def = 3, .min = 1,
     .max = 3},
    {.name = "box", .type = ATTR_INTS, .offset = PARAM(box), .count = 4, .min = 0, .max = INT32_MAX},
    {.name = "size", .type = ATTR_INTS, .offset = PARAM(size), .count = 2, .min = 0, .max = 1 << 20},
    {.name = "crop", .type = ATTR_INTS, .offset = PARAM(crop), .count = 4, .min = 0, .max = INT32_MAX},
    {.name = "antialias", .type = ATTR_BOOL, .offset = PARAM(antialias)},
    {.name = "bgr", .type = ATTR_BOOL, .offset = PARAM(bgr)},
    {.name = "mul", .type = ATTR_FLOATS, .offset = PARAM(mul), .count = 3, .def = 1},
    {.name = "add", .type = ATTR_FLOATS, .offset = PARAM(add), .count = 3},
    ATTR_END,
};
#undef PARAM

/* One of the two directions: 0 rows of pixels (height), 1 along them (width). */
struct side {
    int extent;      /* of x */
    int first, from; /* what is resized begins there, and has so many */
    int to;          /* it becomes so many.. */
    int crop, n;     /* ..of which n are kept, from the crop-th on */
};

static struct side side_of(const struct problem *p, int d)
{
    const struct image_attr *a = p->attr;
    struct side s = {.extent = (int)p->in[0].shape.dim[d],
                     .first = a->box[d],
                     .from = a->box[2 + d],
                     .to = a->size[d],
                     .crop = a->crop[d],
                     .n = a->crop[2 + d]};
    s.from = s.from ? s.from : s.extent - s.first;
    s.to = s.to ? s.to : s.from;
    s.n = s.n ? s.n : s.to - s.crop;
    return s;
}

static bool side_fits(const struct side *s)
{
    return s->from >= 1 && s->first <= s->extent - s->from && s->n >= 1 && s->crop <= s->to - s->n;
}

static int image_infer(struct problem *p)
{
    const struct image_attr *a = p->attr;
    const struct ocelli_shape *x = &p->in[0].shape;
    char s[SHAPE_TEXT];
    if (p->in[0].dtype != OCELLI_U8 || x->rank != 3 || (x->dim[2] != 1 && x->dim[2] != 3) ||
        a->channels == 2 || shape_count(x) > INT32_MAX)
        return fail(
            OCELLI_ERR_SHAPE,
            "image: x is %s %s, not height x width x 1 or 3 bytes, or y is to have %d channels",
            dtype_name(p->in[0].dtype), shape_text(x, s), a->channels);
    const struct side h = side_of(p, 0), w = side_of(p, 1);
    if (!side_fits(&h) || !side_fits(&w))
        return fail(
            OCELLI_ERR_SHAPE,
            "image: x is %s, of which %dx%d from %d,%d become %dx%d, and of these %dx%d from "
            "%d,%d y",
            shape_text(x, s), h.from, w.from, h.first, w.first, h.to, w.to, h.n, w.n, h.crop,
            w.crop);
    p->out[0] = (struct desc){OCELLI_F32, OCELLI_SHAPE(1, a->channels, h.n, w.n)};
    return 0;
}

/* How far the filter reaches to each side, in pixels of x. */
static double support_of(const struct problem *p, const struct side *s)
{
    const struct image_attr *a = p->attr;
    return a->antialias && s->from > s->to ? (double)s->from / s->to : 1;
}

static struct cost image_cost(const struct problem *p)
{
    const struct side h = side_of(p, 0), w = side_of(p, 1);
    double row = 2 * support_of(p, &w) * w.n, column = 2 * support_of(p, &h) * h.n;
    const double channels = (double)p->in[0].shape.dim[2];
    return (struct cost){.flops = 2 * channels * (h.from * row + w.n * column)};
}

/* ---- ref ---- */

/* Arguments by which a kernel finds the pixels of an element of this side. */
static void launch_side(struct launch *k, const struct problem *p, const struct side *s)
{
    double support = support_of(p, s);
    launch_int(k, "crop", s->crop);
    launch_int(k, "from", s->from);
    launch_int(k, "to", s->to);
    launch_int(k, "reach", (int)ceil(support));
    launch_float(k, "slope", (float)(1 / support));
}

/* The rows that any kept row of y needs. */
static void rows_needed(const struct problem *p, const struct side *h, int *first, int *n)
{
    double scale = (double)h->from / h->to, reach = ceil(support_of(p, h)) + 1;
    double low = floor((h->crop + 0.5) * scale - reach),
           high = ceil((h->crop + h->n - 0.5) * scale + reach);
    *first = (int)MAX(low, 0.0);
    *n = (int)MIN(high, (double)h->from) - *first;
}

static void defines(struct launch *k, const struct problem *p)
{
    launch_define(k, "CHANNELS=%d", (int)p->in[0].shape.dim[2]);
    launch_define(k, "OUT=%d", (int)p->out[0].shape.dim[1]);
}

static void plan_rows(const struct problem *p, const struct side *h, const struct side *w,
                      int scratch, int first, int n, int group, struct launches *l)
{
    struct launch *k = launch_add(l, "image_ref", "image_ref_rows");
    defines(k, p);
    launch_buffer(k, "t", REF_SCRATCH, scratch, ACCESS_WRITE);
    launch_in(k, "x", 0);
    launch_int(k, "row", h->first + first);
    launch_int(k, "rows", n);
    launch_int(k, "stride", w->extent);
    launch_int(k, "column", w->first);
    launch_int(k, "width", w->n);
    launch_side(k, p, w);
    launch_grid2(k, (size_t)w->n, (size_t)n, (size_t)group, 1);
}

static int ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    static const char *const mul[] = {"mul0", "mul1", "mul2"};
    static const char *const add[] = {"add0", "add1", "add2"};
    const struct image_attr *a = p->attr;
    const struct side h = side_of(p, 0), w = side_of(p, 1);
    const int planes = MIN((int)p->in[0].shape.dim[2], a->channels);
    int first, n;
    (void)caps;
    rows_needed(p, &h, &first, &n);
    int64_t floats = (int64_t)n * w.n;
    if (floats > INT32_MAX / planes)
        return fail(OCELLI_ERR_UNSUPPORTED, "image: %d rows of %d pixels", n, w.n);
    int scratch = launch_scratch(l, sizeof(float) * (size_t)floats * (size_t)planes);
    plan_rows(p, &h, &w, scratch, first, n, tv[0], l);
    struct launch *k = launch_add(l, "image_ref", "image_ref");
    defines(k, p);
    launch_out(k, "y", 0);
    launch_buffer(k, "t", REF_SCRATCH, scratch, ACCESS_READ);
    launch_int(k, "row", first);
    launch_int(k, "height", h.n);
    launch_int(k, "width", w.n);
    launch_side(k, p, &h);
    launch_int(k, "last", a->bgr ? a->channels - 1 : 0);
    for (int c = 0; c < 3; c++) {
        launch_float(k, mul[c], a->mul[c]);
        launch_float(k, add[c], a->add[c]);
    }
    launch_grid2(k, (size_t)w.n, (size_t)h.n, (size_t)tv[0], 1);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = ref_plan},
    {0},
};

const struct op op_image = {
    .name = "image",
    .in = {"x"},
    .out = {"y"},
    .attr_size = sizeof(struct image_attr),
    .attrs = attrs,
    .infer = image_infer,
    .cost = image_cost,
    .variants = variants,
};
