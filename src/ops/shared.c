#include "ops/shared.h"

#include <math.h>

#include "ops/attrs.h"

/* ---- Checks for infer ---- */

int check_floats(const struct problem *p)
{
    const bool half = p->op->half && p->in[0].dtype == OCELLI_F16;
    for (int i = 0; i < op_inputs(p->op); i++) {
        const enum ocelli_dtype want = half && p->op->half >> i & 1 ? OCELLI_F16 : OCELLI_F32;
        if (p->in[i].shape.rank >= 0 && p->in[i].dtype != want)
            return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, not %s", p->op->name, p->op->in[i],
                        dtype_name(p->in[i].dtype), dtype_name(want));
    }
    return 0;
}

int check_same(const struct problem *p, int i, int j)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (shape_equal(&p->in[i].shape, &p->in[j].shape))
        return 0;
    return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, %s is %s", p->op->name, p->op->in[i],
                shape_text(&p->in[i].shape, a), p->op->in[j], shape_text(&p->in[j].shape, b));
}

int check_rank(const struct problem *p, int i, int rank)
{
    char a[SHAPE_TEXT];
    if (p->in[i].shape.rank == rank)
        return 0;
    return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, of rank %d, not %d", p->op->name, p->op->in[i],
                shape_text(&p->in[i].shape, a), p->in[i].shape.rank, rank);
}

int check_channels(const struct problem *p, int i, int x)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    const struct ocelli_shape *s = &p->in[i].shape, *sx = &p->in[x].shape;
    if (sx->rank < 2)
        return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, which has no channels", p->op->name,
                    p->op->in[x], shape_text(sx, a));
    if (s->rank != 1 || s->dim[0] != sx->dim[1])
        return fail(OCELLI_ERR_SHAPE,
                    "%s: %s is %s, not one value for each of the %lld channels of %s", p->op->name,
                    p->op->in[i], shape_text(s, a), (long long)sx->dim[1], shape_text(sx, b));
    return 0;
}

int check_labels(const struct problem *p, int i, int x)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    const struct ocelli_shape *s = &p->in[i].shape, *sx = &p->in[x].shape;
    int err = check_rank(p, x, 2);
    if (err)
        return err;
    if (p->in[x].dtype != OCELLI_F32)
        return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, not f32", p->op->name, p->op->in[x],
                    dtype_name(p->in[x].dtype));
    if (p->in[i].dtype != OCELLI_I32 || s->rank != 1 || s->dim[0] != sx->dim[0])
        return fail(OCELLI_ERR_SHAPE, "%s: %s is %s %s, not an i32 for each row of %s", p->op->name,
                    p->op->in[i], dtype_name(p->in[i].dtype), shape_text(s, a), shape_text(sx, b));
    return 0;
}

int check_one_type(const struct problem *p)
{
    for (int i = 1; i < op_inputs(p->op); i++)
        if (p->in[i].shape.rank >= 0 && p->in[i].dtype != p->in[0].dtype)
            return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, %s is %s", p->op->name, p->op->in[0],
                        dtype_name(p->in[0].dtype), p->op->in[i], dtype_name(p->in[i].dtype));
    return 0;
}

/* ---- Types ---- */

void launch_type(struct launch *k, const char *prefix, enum ocelli_dtype dtype)
{
    static const char *const names[] = {
        [OCELLI_F32] = "float", [OCELLI_I32] = "int",   [OCELLI_U8] = "uchar",  [OCELLI_F64] = "double",
        [OCELLI_F16] = "half",  [OCELLI_I64] = "long",  [OCELLI_I16] = "short", [OCELLI_I8] = "char",
        [OCELLI_U16] = "ushort", [OCELLI_U32] = "uint", [OCELLI_U64] = "ulong", [OCELLI_BOOL] = "uchar",
    };
    const char *how = dtype == OCELLI_F16 ? "half" : "plain";
    launch_define(k, "%s=%s", prefix, names[dtype]);
    launch_define(k, "%s_C=%s", prefix, dtype == OCELLI_F16 ? "float" : names[dtype]);
    launch_define(k, "%s_LOAD=load_%s", prefix, how);
    launch_define(k, "%s_STORE=store_%s", prefix, how);
}

void launch_storage(struct launch *k, const struct problem *p)
{
    if (p->in[0].dtype == OCELLI_F16)
        launch_define(k, "HALF");
}

bool types_fit(const struct problem *p, const struct caps *caps)
{
    bool doubles = false;
    for (int i = 0; i < p->n_in; i++)
        doubles |= p->in[i].shape.rank >= 0 && p->in[i].dtype == OCELLI_F64;
    for (int i = 0; i < p->n_out; i++)
        doubles |= p->out[i].dtype == OCELLI_F64;
    return !doubles || caps->fp64;
}

bool dtype_is_float(enum ocelli_dtype dtype)
{
    return dtype == OCELLI_F32 || dtype == OCELLI_F16 || dtype == OCELLI_F64;
}

void launch_whole(struct launch *k, const char *prefix, enum ocelli_dtype dtype, double v)
{
    static const struct {
        int64_t min;
        uint64_t max;
    } range[] = {
        [OCELLI_I32] = {INT32_MIN, INT32_MAX}, [OCELLI_U8] = {0, UINT8_MAX},
        [OCELLI_I64] = {INT64_MIN, INT64_MAX}, [OCELLI_I16] = {INT16_MIN, INT16_MAX},
        [OCELLI_I8] = {INT8_MIN, INT8_MAX},    [OCELLI_U16] = {0, UINT16_MAX},
        [OCELLI_U32] = {0, UINT32_MAX},        [OCELLI_U64] = {0, UINT64_MAX},
        [OCELLI_BOOL] = {0, 1},
    };
    if (v <= (double)range[dtype].min && range[dtype].min == INT64_MIN)
        launch_define(k, "%s=LONG_MIN", prefix);
    else if (v <= (double)range[dtype].min)
        launch_define(k, "%s=(%lldL)", prefix, (long long)range[dtype].min);
    else if (v >= (double)range[dtype].max)
        launch_define(k, "%s=%llu%s", prefix, (unsigned long long)range[dtype].max,
                      dtype == OCELLI_U64 ? "UL" : "L");
    else
        launch_define(k, "%s=(%.0fL)", prefix, trunc(v));
}

/* ---- One work-item an element ---- */

const struct tunable element_tunables[] = {
    {"GROUP", (const int[]){256, 64, 16, 1, 0}},
    {0},
};

bool element_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    (void)p;
    return (size_t)tv[0] <= caps->max_group && (size_t)tv[0] <= caps->max_item[0];
}

struct channels channels_of(const struct desc *d)
{
    const struct ocelli_shape *s = &d->shape;
    struct channels e = {1, 1, 1};
    if (s->rank > 0)
        e.n = (int)s->dim[0];
    if (s->rank > 1)
        e.c = (int)s->dim[1];
    for (int i = 2; i < s->rank; i++)
        e.s *= (int)s->dim[i];
    return e;
}

/* i / d for 0 <= i < 2^31 as a multiplication: floor(i m / 2^(31 + l)), m = floor(2^(31 + l) / d) +
 * 1, l the number of bits of d - 1 (Granlund and Montgomery 1994, theorem 4.2). */
static void divisor(int d, int *mul, int *shift)
{
    int l = 0;
    while (l < 31 && (d - 1) >> l)
        l++;
    *mul = (int)(uint32_t)(((uint64_t)1 << (31 + l)) / (uint64_t)d + 1);
    *shift = l;
}

void launch_channels(struct launch *k, const struct problem *p, int group)
{
    struct channels e = channels_of(&p->out[0]);
    int n = (int)shape_count(&p->out[0].shape), mul, shift;
    launch_int(k, "n", n);
    launch_int(k, "channels", e.c);
    divisor(e.c, &mul, &shift);
    launch_int(k, "channels_mul", mul);
    launch_int(k, "channels_shift", shift);
    divisor(e.s, &mul, &shift);
    launch_int(k, "spatial_mul", mul);
    launch_int(k, "spatial_shift", shift);
    launch_grid1(k, (size_t)n, (size_t)group);
}

/* ---- One row a work-item or a work-group ---- */

const struct tunable row_tunables[] = {
    {"ROW_GROUP", (const int[]){1, 64, 256, 0}},
    {0},
};

void row_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    (void)p;
    tv[0] = caps->cpu_style || caps->max_group < 64 ? 1 : 64;
}

bool row_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    return element_valid(p, caps, tv);
}

void launch_rows(struct launch *k, const struct caps *caps, int group, size_t rows)
{
    int vw = caps->vector_width;
    launch_define(k, "ROW_GROUP=%d", group);
    if (group == 1)
        launch_define(k, "VW=%d", vw == 8 || vw == 16 ? vw : 4);
    launch_grid1(k, rows * (size_t)group, (size_t)group);
}

/* ---- Attributes ---- */

void unary_defaults(void *attr)
{
    struct ocelli_unary_params *p = attr;
    if (p->kind != OCELLI_TANH)
        return;
    if (p->alpha == 0)
        p->alpha = 1;
    if (p->beta == 0)
        p->beta = 1;
}

const struct attr unary_attrs[] = {
    {.name = "kind", .type = ATTR_ENUM, .offset = offsetof(struct ocelli_unary_params, kind),
     .count = 1, .words = act_words, .min = 1},
    {.name = "alpha", .type = ATTR_FLOAT, .offset = offsetof(struct ocelli_unary_params, alpha),
     .count = 1},
    {.name = "beta", .type = ATTR_FLOAT, .offset = offsetof(struct ocelli_unary_params, beta),
     .count = 1},
    ATTR_END,
};
