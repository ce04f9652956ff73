/* The public builder: convolution and pooling over one or two spatial dimensions. One becomes two, the
 * first of extent 1. */
#include "ops/attrs.h"
#include "ops/graph.h"

/* x's spatial dimensions, 1 or 2; 0 with the status set where it has others. */
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
    if (s->rank == 3 || s->rank == 4)
        return s->rank - 2;
    graph_fail(g, fail(s->rank == 5 ? OCELLI_ERR_UNSUPPORTED : OCELLI_ERR_SHAPE,
                       "%s: of %s only one or two spatial dimensions are supported", what,
                       shape_text(s, text)));
    return 0;
}

/* N x C x W as N x C x 1 x W, and back. */
static ocelli_value widen(struct ocelli_graph *g, ocelli_value x)
{
    struct ocelli_shape s = ocelli_value_shape(g, x);

    return s.rank == 3 ? ocelli_reshape(g, x, &OCELLI_SHAPE(s.dim[0], s.dim[1], 1, s.dim[2])) : x;
}

static ocelli_value narrow(struct ocelli_graph *g, ocelli_value x, int dims)
{
    struct ocelli_shape s = ocelli_value_shape(g, x);

    if (dims == 2 || x == OCELLI_NONE)
        return x;
    return ocelli_reshape(g, x, &OCELLI_SHAPE(s.dim[0], s.dim[1], s.dim[3]));
}

/* A pair of {height, width} from the values of `dims` dimensions; `one` stands for the height of one. */
static void pair(int out[2], const int *in, int dims, int one)
{
    out[0] = dims == 2 ? in[0] : one;
    out[1] = in[dims - 1];
}

/* Top, left, bottom, right. */
static void pads(int out[4], const int *in, int dims)
{
    pair(out, in, dims, 0);
    pair(out + 2, in + dims, dims, 0);
}

static struct ocelli_conv2d_params widened(const struct ocelli_conv_params *p, int dims)
{
    struct ocelli_conv2d_params q = {.groups = p->groups};

    pair(q.stride, p->stride, dims, 1);
    pair(q.dilation, p->dilation, dims, 1);
    pads(q.pad, p->pad, dims);
    return q;
}

ocelli_value ocelli_conv(struct ocelli_graph *g, ocelli_value x, ocelli_value w,
                         const struct ocelli_conv_params *p)
{
    static const struct ocelli_conv_params none = {0};
    int dims = spatial_of(&g->g, "convolution", x);

    if (dims == 0 || spatial_of(&g->g, "convolution: filter", w) == 0)
        return OCELLI_NONE;
    struct ocelli_conv2d_params q = widened(p ? p : &none, dims);
    return narrow(g, ocelli_conv2d(g, widen(g, x), widen(g, w), &q), dims);
}

ocelli_value ocelli_conv_transpose(struct ocelli_graph *g, ocelli_value x, ocelli_value w,
                                   const struct ocelli_conv_transpose_params *p)
{
    static const struct ocelli_conv_transpose_params none = {0};
    int dims = spatial_of(&g->g, "transposed convolution", x);

    if (dims == 0 || spatial_of(&g->g, "transposed convolution: filter", w) == 0)
        return OCELLI_NONE;
    p = p ? p : &none;
    x = widen(g, x);
    w = widen(g, w);
    struct conv2d_bwd_data_attr a = {.conv = widened(&p->conv, dims)};
    struct ocelli_shape sx = ocelli_value_shape(g, x), sw = ocelli_value_shape(g, w);
    int more[2];
    pair(more, p->output_pad, dims, 0);
    for (int d = 0; d < 2 && sx.rank == 4 && sw.rank == 4; d++) {
        int stride = MAX(a.conv.stride[d], 1), dilation = MAX(a.conv.dilation[d], 1);
        int64_t n = (sx.dim[2 + d] - 1) * stride + more[d] + dilation * (sw.dim[2 + d] - 1) + 1 -
                    a.conv.pad[d] - a.conv.pad[2 + d];
        if (n < 1 || n > INT32_MAX)
            return graph_fail(&g->g, fail(OCELLI_ERR_SHAPE, "transposed convolution: an extent of %lld",
                                          (long long)n));
        a.size[d] = (int)n;
    }
    return narrow(g, graph_add(&g->g, &op_conv2d_bwd_data, &a, (const int[]){x, w}), dims);
}

ocelli_value ocelli_pool(struct ocelli_graph *g, ocelli_value x, const struct ocelli_pool_params *p)
{
    int dims = spatial_of(&g->g, "pooling", x);

    if (dims == 0)
        return OCELLI_NONE;
    struct ocelli_pool2d_params q = {.kind = p->kind,
                                     .ceil_mode = p->ceil_mode,
                                     .count_include_pad = p->count_include_pad};
    pair(q.kernel, p->kernel, dims, 1);
    pair(q.stride, p->stride, dims, 1);
    pair(q.dilation, p->dilation, dims, 1);
    pads(q.pad, p->pad, dims);
    return narrow(g, ocelli_pool2d(g, widen(g, x), &q), dims);
}
