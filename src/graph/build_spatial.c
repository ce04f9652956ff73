/* The public builder: convolution and pooling over one to three spatial dimensions. One becomes two
 * (or, where only the operations on volumes will do, three), those in front being of extent 1. */
#include "ops/attrs.h"
#include "ops/graph.h"

/* x's spatial dimensions, 1 to 3; 0 with the status set where it has others. */
static int spatial_of(struct graph *g, const char *what, ocelli_value x)
{
    char text[SHAPE_TEXT];

    if (g->status)
        return 0;
    if (x < 0 || x >= g->n_values) {
        graph_fail(g, fail(OCELLI_ERR_INVALID, "%s: no value of this graph", what));
        return 0;
    }
    const struct ocelli_shape *s = &g->value[x].desc.shape;
    if (s->rank >= 3 && s->rank <= 5)
        return s->rank - 2;
    graph_fail(g, fail(s->rank > 5 ? OCELLI_ERR_UNSUPPORTED : OCELLI_ERR_SHAPE,
                       "%s: of %s only one to three spatial dimensions are supported", what,
                       shape_text(s, text)));
    return 0;
}

/* The same, of a filter or an index that belongs to it too. */
static int spatial_of_both(struct graph *g, const char *what, ocelli_value x, const char *other,
                           ocelli_value y)
{
    int dims = spatial_of(g, what, x), others = dims ? spatial_of(g, other, y) : 0;

    if (others && others != dims)
        graph_fail(g, fail(OCELLI_ERR_SHAPE, "%s: %d spatial dimensions, %s: %d", what, dims, other,
                           others));
    return g->status ? 0 : dims;
}

/* `full` entries: those of `dims` dimensions, of which 0 repeats the first, and 1 for each in
 * front. */
static void spread(int *out, const int *in, int dims, int full)
{
    for (int i = 0; i < full; i++) {
        int k = i - (full - dims);
        out[i] = k < 0 ? 1 : in[k] ? in[k] : in[0];
    }
}

static void spread_pads(int *out, const int *in, int dims, int full)
{
    for (int i = 0; i < 2 * full; i++) {
        int k = i % full - (full - dims);
        out[i] = k < 0 ? 0 : in[i / full * dims + k];
    }
}

/* N x C x .. with `full` spatial dimensions. */
static struct ocelli_shape with_dims(const struct ocelli_shape *s, int full)
{
    struct ocelli_shape y = {full + 2, {s->dim[0], s->dim[1]}};
    int more = y.rank - s->rank;

    for (int i = 2; i < y.rank; i++)
        y.dim[i] = i - more < 2 ? 1 : s->dim[i - more];
    return y;
}

/* To more or to fewer of them. */
static ocelli_value as_dims(struct ocelli_graph *g, ocelli_value x, int dims)
{
    struct ocelli_shape s = ocelli_value_shape(g, x), y;

    if (x == OCELLI_NONE || s.rank == dims + 2)
        return x;
    y = with_dims(&s, dims);
    return ocelli_reshape(g, x, &y);
}

/* ---- Convolutions ---- */

static struct ocelli_conv2d_params flat(const struct ocelli_conv_params *p, int dims)
{
    struct ocelli_conv2d_params q = {.groups = p->groups};

    spread(q.stride, p->stride, dims, 2);
    spread(q.dilation, p->dilation, dims, 2);
    spread_pads(q.pad, p->pad, dims, 2);
    return q;
}

/* The same for volumes. */
static struct ocelli_conv_params solid(const struct ocelli_conv_params *p)
{
    struct ocelli_conv_params q = *p;

    spread(q.stride, p->stride, 3, 3);
    spread(q.dilation, p->dilation, 3, 3);
    return q;
}

ocelli_value ocelli_conv(struct ocelli_graph *g, ocelli_value x, ocelli_value w,
                         const struct ocelli_conv_params *p)
{
    static const struct ocelli_conv_params none = {0};
    int dims = spatial_of_both(&g->g, "convolution", x, "filter", w);

    if (dims == 0)
        return OCELLI_NONE;
    p = p ? p : &none;
    if (dims == 3) {
        struct ocelli_conv_params a = solid(p);
        return graph_add(&g->g, &op_conv3d, &a, (const int[]){x, w});
    }
    struct ocelli_conv2d_params q = flat(p, dims);
    return as_dims(g, ocelli_conv2d(g, as_dims(g, x, 2), as_dims(g, w, 2), &q), dims);
}

/* The extents of a transposed convolution; false with the status set where there are none. */
static bool transposed_size(struct ocelli_graph *g, ocelli_value x, ocelli_value w, int dims,
                            const struct ocelli_conv_transpose_params *p, int *size)
{
    struct ocelli_shape sx = ocelli_value_shape(g, x), sw = ocelli_value_shape(g, w);
    struct ocelli_conv_params c = p->conv;

    spread(c.stride, p->conv.stride, dims, dims);
    spread(c.dilation, p->conv.dilation, dims, dims);
    for (int d = 0; d < dims; d++) {
        int64_t stride = MAX(c.stride[d], 1), dilation = MAX(c.dilation[d], 1);
        int64_t in = MIN(sx.dim[2 + d], INT32_MAX), kernel = MIN(sw.dim[2 + d], INT32_MAX);
        int64_t n = (in - 1) * stride + p->output_pad[d] + dilation * (kernel - 1) + 1 - c.pad[d] -
                    c.pad[dims + d];
        if (n < 1 || n > INT32_MAX) {
            graph_fail(&g->g, fail(OCELLI_ERR_SHAPE, "transposed convolution: an extent of %lld",
                                   (long long)n));
            return false;
        }
        size[d] = (int)n;
    }
    return true;
}

ocelli_value ocelli_conv_transpose(struct ocelli_graph *g, ocelli_value x, ocelli_value w,
                                   const struct ocelli_conv_transpose_params *p)
{
    static const struct ocelli_conv_transpose_params none = {0};
    int dims = spatial_of_both(&g->g, "transposed convolution", x, "filter", w), size[3];

    p = p ? p : &none;
    if (dims == 0 || !transposed_size(g, x, w, dims, p, size))
        return OCELLI_NONE;
    if (dims == 3) {
        struct conv3d_bwd_data_attr a = {solid(&p->conv), {size[0], size[1], size[2]}};
        return graph_add(&g->g, &op_conv3d_bwd_data, &a, (const int[]){x, w});
    }
    struct conv2d_bwd_data_attr a = {.conv = flat(&p->conv, dims)};
    spread(a.size, size, dims, 2);
    const int in[] = {as_dims(g, x, 2), as_dims(g, w, 2)};
    return as_dims(g, graph_add(&g->g, &op_conv2d_bwd_data, &a, in), dims);
}

/* ---- Pooling ---- */

/* The default is windows side by side. */
static const int *stride_of(const struct ocelli_pool_params *p)
{
    return p->stride[0] ? p->stride : p->kernel;
}

/* As an operation on volumes. */
static ocelli_value pool_volume(struct ocelli_graph *g, const struct op *op, ocelli_value x,
                                int dims, const struct ocelli_pool_params *p)
{
    struct ocelli_pool_params q = *p;

    spread(q.kernel, p->kernel, dims, 3);
    spread(q.stride, stride_of(p), dims, 3);
    spread(q.dilation, p->dilation, dims, 3);
    spread_pads(q.pad, p->pad, dims, 3);
    return as_dims(g, graph_add(&g->g, op, &q, (const int[]){as_dims(g, x, 3)}), dims);
}

ocelli_value ocelli_pool(struct ocelli_graph *g, ocelli_value x, const struct ocelli_pool_params *p)
{
    int dims = spatial_of(&g->g, "pooling", x);

    if (dims == 0)
        return OCELLI_NONE;
    if (dims == 3 || g->g.value[x].desc.dtype != OCELLI_F32)
        return pool_volume(g, &op_pool3d, x, dims, p);
    struct ocelli_pool2d_params q = {
        .kind = p->kind, .ceil_mode = p->ceil_mode, .count_include_pad = p->count_include_pad};
    spread(q.kernel, p->kernel, dims, 2);
    spread(q.stride, stride_of(p), dims, 2);
    spread(q.dilation, p->dilation, dims, 2);
    spread_pads(q.pad, p->pad, dims, 2);
    return as_dims(g, ocelli_pool2d(g, as_dims(g, x, 2), &q), dims);
}

ocelli_value ocelli_pool_index(struct ocelli_graph *g, ocelli_value x,
                               const struct ocelli_pool_params *p)
{
    int dims = spatial_of(&g->g, "pooling", x);

    return dims ? pool_volume(g, &op_pool3d_index, x, dims, p) : OCELLI_NONE;
}

ocelli_value ocelli_unpool(struct ocelli_graph *g, ocelli_value x, ocelli_value index,
                           const struct ocelli_shape *shape)
{
    return graph_add(&g->g, &op_unpool, &(struct unpool_attr){*shape}, (const int[]){x, index});
}
