/* Convolutions and pooling. */
#include <string.h>

#include "graph/onnx_import.h"

#define MAX_SPATIAL 3

/* What all of them say about their windows. */
struct window {
    int dims;
    int kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    int pad[2 * MAX_SPATIAL]; /* begins, then ends */
    int size[MAX_SPATIAL];    /* of the input */
    int mode;
};
static const char *const auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", NULL};
enum { NOTSET, SAME_UPPER, SAME_LOWER, VALID };

static int64_t covered(const struct window *w, int i)
{
    return (int64_t)(w->kernel[i] - 1) * w->dilation[i] + 1;
}

/* Pads that make the output ceil(size / stride); the odd one goes to the end, or to the begin. */
static void same_pads(struct window *w)
{
    for (int i = 0; i < w->dims; i++) {
        int64_t y = (w->size[i] + w->stride[i] - 1) / w->stride[i];
        int64_t all = MAX((y - 1) * w->stride[i] + covered(w, i) - w->size[i], 0);
        int64_t begin = w->mode == SAME_UPPER ? all / 2 : all - all / 2;
        w->pad[i] = (int)begin;
        w->pad[w->dims + i] = (int)(all - begin);
    }
}

/* Reads the attributes; kernel from the weight's shape where there is one. */
static bool window(struct onnx_node *n, const struct ocelli_shape *weight, struct window *w)
{
    struct ocelli_shape x = in_shape(n, 0);

    *w = (struct window){.dims = x.rank - 2};
    if (!stopped(n) && (w->dims < 1 || w->dims > MAX_SPATIAL))
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "%d spatial dimensions", w->dims));
    if (!stopped(n) && weight && weight->rank != x.rank)
        stop(n, fail(OCELLI_ERR_SHAPE, "the weight's rank is %d, the input's %d", weight->rank,
                     x.rank));
    if (stopped(n))
        return false;
    if (!weight && !has_attr(n, "kernel_shape"))
        stop(n, fail(OCELLI_ERR_FORMAT, "no attribute kernel_shape"));
    attr_small(n, "kernel_shape", w->kernel, w->dims, 0);
    attr_small(n, "strides", w->stride, w->dims, 1);
    attr_small(n, "dilations", w->dilation, w->dims, 1);
    attr_small(n, "pads", w->pad, 2 * w->dims, 0);
    w->mode = attr_word(n, "auto_pad", auto_pads, NOTSET);
    for (int i = 0; i < w->dims && !stopped(n); i++) {
        int64_t extent = weight ? weight->dim[2 + i] : w->kernel[i];
        if (x.dim[2 + i] > 1 << 30 || extent < 1 || extent > 1 << 30 || w->stride[i] < 1 ||
            w->dilation[i] < 1 || (w->kernel[i] && w->kernel[i] != extent)) {
            stop(n, fail(OCELLI_ERR_FORMAT, "window %d, stride %d, dilation %d in dimension %d",
                         w->kernel[i], w->stride[i], w->dilation[i], i));
            return false;
        }
        w->kernel[i] = (int)extent;
        w->size[i] = (int)x.dim[2 + i];
        if (covered(w, i) > 1 << 30)
            stop(n, fail(OCELLI_ERR_FORMAT, "attribute dilations: a window of %lld",
                         (long long)covered(w, i)));
    }
    if (w->mode == VALID)
        memset(w->pad, 0, sizeof(w->pad));
    return !stopped(n);
}

static struct ocelli_conv_params conv_params(struct onnx_node *n, const struct window *w)
{
    struct ocelli_conv_params p = {0};
    int64_t groups = attr_int(n, "group", 1);

    if (groups < 1 || groups > 1 << 30)
        stop(n, fail(OCELLI_ERR_FORMAT, "attribute group = %lld", (long long)groups));
    p.groups = (int)groups;
    memcpy(p.stride, w->stride, sizeof(p.stride));
    memcpy(p.dilation, w->dilation, sizeof(p.dilation));
    memcpy(p.pad, w->pad, sizeof(p.pad));
    return p;
}

static ocelli_value biased(struct onnx_node *n, ocelli_value y)
{
    return has_in(n, 2) ? ocelli_bias(n->m->g, y, in(n, 2)) : y;
}

static void build_conv(struct onnx_node *n)
{
    struct ocelli_shape ws = in_shape(n, 1);
    struct window w;

    if (stopped(n) || !window(n, &ws, &w))
        return;
    if (w.mode == SAME_UPPER || w.mode == SAME_LOWER)
        same_pads(&w);
    struct ocelli_conv_params p = conv_params(n, &w);
    out(n, 0, biased(n, ocelli_conv(n->m->g, in(n, 0), in(n, 1), &p)));
}

/* Pads and what is added at the end so that the output is as attribute output_shape (or, for SAME,
 * size times stride) wants it. */
static void wanted_shape(struct onnx_node *n, struct window *w, int *output_pad)
{
    int want[2 + MAX_SPATIAL] = {0};
    int64_t v[2 + MAX_SPATIAL];
    int given = attr_ints(n, "output_shape", v, w->dims + 2);
    bool same = w->mode == SAME_UPPER || w->mode == SAME_LOWER;

    if (given >= 0 && given != w->dims && given != w->dims + 2)
        stop(n, fail(OCELLI_ERR_FORMAT, "attribute output_shape has %d entries", given));
    if (stopped(n) || (given < 0 && !same))
        return;
    for (int i = 0; i < w->dims; i++) {
        int64_t full = (int64_t)w->stride[i] * (w->size[i] - 1) + output_pad[i] + covered(w, i);
        int64_t y = given < 0 ? (int64_t)w->size[i] * w->stride[i] : v[given - w->dims + i];
        if (y < 1 || y > 1 << 30 || full > 1 << 30) {
            stop(n, fail(OCELLI_ERR_FORMAT, "attribute output_shape: %lld", (long long)y));
            return;
        }
        want[i] = (int)y;
        int all = (int)full - want[i];
        if (all < 0) {
            output_pad[i] -= all;
            all = 0;
        }
        w->pad[i] = w->mode == SAME_UPPER ? all / 2 : all - all / 2;
        w->pad[w->dims + i] = all - w->pad[i];
    }
}

static void build_conv_transpose(struct onnx_node *n)
{
    struct ocelli_shape ws = in_shape(n, 1);
    struct ocelli_conv_transpose_params p = {0};
    struct window w;

    if (stopped(n) || !window(n, &ws, &w))
        return;
    attr_small(n, "output_padding", p.output_pad, w.dims, 0);
    wanted_shape(n, &w, p.output_pad);
    p.conv = conv_params(n, &w);
    out(n, 0, biased(n, ocelli_conv_transpose(n->m->g, in(n, 0), in(n, 1), &p)));
}

static void pool(struct onnx_node *n, struct ocelli_pool_params *p)
{
    struct window w;

    if (stopped(n) || !window(n, NULL, &w))
        return;
    if (w.mode == SAME_UPPER || w.mode == SAME_LOWER)
        same_pads(&w);
    p->ceil_mode = attr_flag(n, "ceil_mode", false) && w.mode == NOTSET;
    memcpy(p->kernel, w.kernel, sizeof(p->kernel));
    memcpy(p->stride, w.stride, sizeof(p->stride));
    memcpy(p->dilation, w.dilation, sizeof(p->dilation));
    memcpy(p->pad, w.pad, sizeof(p->pad));
    if (has_out(n, 0))
        out(n, 0, ocelli_pool(n->m->g, in(n, 0), p));
    if (has_out(n, 1))
        out(n, 1, ocelli_pool_index(n->m->g, in(n, 0), p));
}

static void build_max_pool(struct onnx_node *n)
{
    struct ocelli_pool_params p = {.kind = OCELLI_POOL_MAX};

    p.column_major = attr_flag(n, "storage_order", false);
    pool(n, &p);
}

/* The shape that the pooled one had, where it was not rounded; an output_shape that is given holds
 * it in its first corner. */
static void build_max_unpool(struct onnx_node *n)
{
    struct ocelli_shape x = in_shape(n, 0);
    struct ocelli_pad_params more = {0};
    struct window w;
    int64_t want[OCELLI_MAX_RANK];

    if (stopped(n) || !window(n, NULL, &w))
        return;
    struct ocelli_shape y = x;
    for (int i = 0; i < w.dims; i++) {
        int64_t extent =
            (x.dim[2 + i] - 1) * w.stride[i] + covered(&w, i) - w.pad[i] - w.pad[w.dims + i];
        if (extent < 1 || extent > 1 << 30) {
            stop(n, fail(OCELLI_ERR_SHAPE, "an extent of %lld", (long long)extent));
            return;
        }
        y.dim[2 + i] = extent;
    }
    ocelli_value v = ocelli_unpool(n->m->g, in(n, 0), in(n, 1), &y);
    if (has_in(n, 2)) {
        int given = ints(n, 2, NULL, 0, want, OCELLI_MAX_RANK);
        for (int i = 0; i < x.rank && !stopped(n); i++) {
            if (given != x.rank || want[i] < y.dim[i] || want[i] > 1 << 30 ||
                (i < 2 && want[i] != y.dim[i]))
                stop(n, fail(OCELLI_ERR_SHAPE, "input output_shape: entry %d", i));
            else
                more.end[i] = (int)(want[i] - y.dim[i]);
        }
        v = ocelli_pad(n->m->g, v, &more);
    }
    out(n, 0, v);
}

static void build_average_pool(struct onnx_node *n)
{
    struct ocelli_pool_params p = {.kind = OCELLI_POOL_AVERAGE};

    p.count_include_pad = attr_flag(n, "count_include_pad", false);
    pool(n, &p);
}

/* Over everything but batch and channels. */
static void global(struct onnx_node *n, enum ocelli_reduce_kind kind)
{
    int rank = in_shape(n, 0).rank;
    struct ocelli_reduce_params p = {.kind = kind, .keepdims = true};

    if (!stopped(n) && rank < 3)
        stop(n, fail(OCELLI_ERR_SHAPE, "rank %d", rank));
    if (stopped(n))
        return;
    p.axes = (1 << rank) - 4;
    if (rank == 4 && kind == OCELLI_REDUCE_MEAN && in_dtype(n, 0) == OCELLI_F32)
        out(n, 0, ocelli_gap(n->m->g, in(n, 0)));
    else
        out(n, 0, ocelli_reduce(n->m->g, in(n, 0), &p));
}

static void build_global_average_pool(struct onnx_node *n)
{
    global(n, OCELLI_REDUCE_MEAN);
}

static void build_global_max_pool(struct onnx_node *n)
{
    global(n, OCELLI_REDUCE_MAX);
}

const struct onnx_op onnx_ops_conv[] = {
    {"AveragePool", 1, build_average_pool, false},
    {"Conv", 1, build_conv, false},
    {"ConvTranspose", 1, build_conv_transpose, false},
    {"GlobalAveragePool", 1, build_global_average_pool, false},
    {"GlobalMaxPool", 1, build_global_max_pool, false},
    {"MaxPool", 1, build_max_pool, false},
    {"MaxUnpool", 9, build_max_unpool, false},
    {0},
};
