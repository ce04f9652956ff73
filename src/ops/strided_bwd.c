/* The gradient of strided where it takes no element twice: dy back in its places, zeros elsewhere.
 *
 * Dimensions sorted by the size of their strides, each stride larger than all that the smaller ones reach
 * together: a place of x then divides into at most one index of y, digit by digit. Slices, transposes and
 * flips are of that kind. */
#include "ops/attrs.h"
#include "ops/move.h"
#include "ops/shared.h"

static const struct attr attrs[] = {
    {.name = "size", .type = ATTR_SHAPE, .offset = offsetof(struct strided_bwd_attr, size), .count = 1},
    {.name = "stride", .type = ATTR_INTS, .offset = offsetof(struct strided_bwd_attr, stride),
     .count = OCELLI_MAX_RANK},
    {.name = "offset", .type = ATTR_INT, .offset = offsetof(struct strided_bwd_attr, offset), .count = 1,
     .min = 0, .max = INT32_MAX},
    ATTR_END,
};

/* Place base + sum i_k step_k of x is element origin + sum i_k place_k of dy, 0 <= i_k < extent_k. */
struct digits {
    int rank;
    struct digit {
        int64_t extent, step, place;
    } digit[OCELLI_MAX_RANK];
    int64_t base, origin, last; /* last: the highest place */
};

static void make_digits(const struct problem *p, struct digits *out)
{
    const struct strided_bwd_attr *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t place = 1;
    *out = (struct digits){.base = a->offset, .last = a->offset};
    for (int d = s->rank - 1; d >= 0; d--) {
        struct digit x = {s->dim[d], a->stride[d], place};
        place *= s->dim[d];
        if (x.extent == 1)
            continue;
        if (x.step < 0) {
            out->base += (x.extent - 1) * x.step;
            out->origin += (x.extent - 1) * x.place;
            x.step = -x.step;
            x.place = -x.place;
        } else {
            out->last += (x.extent - 1) * x.step;
        }
        int k = out->rank++;
        for (; k > 0 && out->digit[k - 1].step < x.step; k--)
            out->digit[k] = out->digit[k - 1];
        out->digit[k] = x;
    }
    if (out->rank == 0)
        out->digit[out->rank++] = (struct digit){1, 1, 1};
}

static int strided_bwd_infer(struct problem *p)
{
    const struct strided_bwd_attr *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape;
    char size[SHAPE_TEXT], dy[SHAPE_TEXT];
    struct digits x;
    int64_t below = 0;
    int err = shape_check(&a->size);
    if (err)
        return fail_in(err, "strided_bwd: size");
    for (int d = 0; d < OCELLI_MAX_RANK; d++)
        if (d < s->rank ? s->dim[d] > INT32_MAX : a->stride[d] != 0)
            return fail(OCELLI_ERR_INVALID, "strided_bwd: stride %d of dy, which is %s", d,
                        shape_text(s, dy));
    make_digits(p, &x);
    if (x.base < 0 || x.last >= shape_count(&a->size))
        return fail(OCELLI_ERR_SHAPE, "strided_bwd: dy, which is %s, goes to elements %lld to %lld of %s",
                    shape_text(s, dy), (long long)x.base, (long long)x.last,
                    shape_text(&a->size, size));
    for (int k = x.rank - 1; k >= 0; k--) {
        if (x.digit[k].step <= below)
            return fail(OCELLI_ERR_UNSUPPORTED, "strided_bwd: strides of a shape %s that overlap",
                        shape_text(s, dy));
        below += (x.digit[k].extent - 1) * x.digit[k].step;
    }
    p->out[0] = (struct desc){p->in[0].dtype, a->size};
    return 0;
}

static int strided_bwd_ref_plan(const struct problem *p, const struct caps *caps, const int *tv,
                                struct launches *l)
{
    static const char *const names[3][OCELLI_MAX_RANK] = {
        {"e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7"},
        {"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"},
        {"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"},
    };
    (void)caps;
    int n = (int)shape_count(&p->out[0].shape);
    struct digits x;
    make_digits(p, &x);
    struct launch *k = launch_add(l, "strided_bwd_ref", "strided_bwd_ref");
    launch_bits(k, p->in[0].dtype);
    launch_define(k, "RANK=%d", x.rank);
    launch_out(k, "dx", 0);
    launch_in(k, "dy", 0);
    launch_int(k, "n", n);
    launch_int(k, "base", (int)x.base);
    launch_int(k, "origin", (int)x.origin);
    for (int i = 0; i < x.rank; i++)
        launch_int(k, names[0][i], (int)x.digit[i].extent);
    for (int i = 0; i < x.rank; i++)
        launch_int(k, names[1][i], (int)x.digit[i].step);
    for (int i = 0; i < x.rank; i++)
        launch_int(k, names[2][i], (int)x.digit[i].place);
    launch_grid1(k, (size_t)n, (size_t)tv[0]);
    return l->err;
}

static const struct variant variants[] = {
    {.name = "ref", .tunables = element_tunables, .valid = element_valid, .plan = strided_bwd_ref_plan},
    {0},
};

const struct op op_strided_bwd = {
    .name = "strided_bwd",
    .in = {"dy"},
    .out = {"dx"},
    .attr_size = sizeof(struct strided_bwd_attr),
    .attrs = attrs,
    .infer = strided_bwd_infer,
    .variants = variants,
};
