/* Convolutions and pooling. */
#include "graph/onnx_writer.h"

/* Attributes of windows over `dims` dimensions; arrays of zeros mean 1. */
static void window(struct writer *w, Onnx__Node *n, const int64_t *kernel, const int *stride,
                   const int *dilation, const int *pad, int dims)
{
    int k[3] = {0}, s[3] = {0}, d[3] = {0};
    bool dilated = false;

    for (int i = 0; i < dims; i++) {
        k[i] = (int)kernel[i];
        s[i] = stride[i] ? stride[i] : 1;
        d[i] = dilation[i] ? dilation[i] : 1;
        dilated = dilated || d[i] != 1;
    }
    export_ints(w->e, n, "kernel_shape", k, dims);
    export_ints(w->e, n, "strides", s, dims);
    export_ints(w->e, n, "pads", pad, 2 * dims);
    if (dilated)
        export_ints(w->e, n, "dilations", d, dims);
}

static void conv(struct writer *w, const int *stride, const int *dilation, const int *pad,
                 int groups, int dims)
{
    Onnx__Node *n = with_bias(w, "Conv");

    window(w, n, in_shape(w, 1)->dim + 2, stride, dilation, pad, dims);
    export_i(w->e, n, "group", groups ? groups : 1);
}

static void write_conv2d(struct writer *w)
{
    const struct ocelli_conv2d_params *p = w->n->attr;

    conv(w, p->stride, p->dilation, p->pad, p->groups, 2);
}

static void write_conv3d(struct writer *w)
{
    const struct ocelli_conv_params *p = w->n->attr;

    conv(w, p->stride, p->dilation, p->pad, p->groups, 3);
}

/* The gradient by the data is the transpose of its convolution. What its size has over the smallest
 * that leads to x is the padding of the output. */
static void conv_transpose(struct writer *w, const int *stride, const int *dilation, const int *pad,
                           int groups, const int *size, int dims)
{
    Onnx__Node *n = with_bias(w, "ConvTranspose");
    const int64_t *kernel = in_shape(w, 1)->dim + 2;
    int more[3];

    window(w, n, kernel, stride, dilation, pad, dims);
    export_i(w->e, n, "group", groups ? groups : 1);
    for (int i = 0; i < dims; i++)
        more[i] =
            size[i] - (int)((w->x->desc.shape.dim[2 + i] - 1) * MAX(stride[i], 1) +
                            MAX(dilation[i], 1) * (kernel[i] - 1) + 1 - pad[i] - pad[dims + i]);
    export_ints(w->e, n, "output_padding", more, dims);
}

static void write_conv2d_bwd_data(struct writer *w)
{
    const struct conv2d_bwd_data_attr *a = w->n->attr;
    const struct ocelli_conv2d_params *p = &a->conv;

    conv_transpose(w, p->stride, p->dilation, p->pad, p->groups, a->size, 2);
}

static void write_conv3d_bwd_data(struct writer *w)
{
    const struct conv3d_bwd_data_attr *a = w->n->attr;
    const struct ocelli_conv_params *p = &a->conv;

    conv_transpose(w, p->stride, p->dilation, p->pad, p->groups, a->size, 3);
}

/* The attributes of all pooling. A size rounded up is asked for only where it makes a difference: a
 * window that would begin behind the image is not counted here, and in ONNX by some readers. */
static void pool(struct writer *w, Onnx__Node *n, enum ocelli_pool_kind kind, const int *kernel,
                 const int *stride, const int *dilation, const int *pad, int dims)
{
    bool up = false, dilated = false;
    int64_t k[3] = {0};
    int s[3] = {0};

    for (int i = 0; i < dims; i++) {
        int d = dilation[i] ? dilation[i] : 1;
        k[i] = kernel[i];
        s[i] = stride[i] ? stride[i] : kernel[i]; /* windows side by side */
        int64_t room =
            w->x->desc.shape.dim[2 + i] + pad[i] + pad[dims + i] - (int64_t)d * (kernel[i] - 1) - 1;
        up = up || room / s[i] + 1 != w->y->desc.shape.dim[2 + i];
        dilated = dilated || d != 1;
    }
    window(w, n, k, s, dilation, pad, dims);
    if (up)
        export_i(w->e, n, "ceil_mode", 1);
    if (kind == OCELLI_POOL_AVERAGE && dilated)
        refuse(w, "dilations");
}

static Onnx__Node *pool_node(struct writer *w, enum ocelli_pool_kind kind, bool count_include_pad)
{
    bool average = kind == OCELLI_POOL_AVERAGE;
    Onnx__Node *n = last(w, average ? "AveragePool" : "MaxPool", in(w, 0), NULL);

    if (average && count_include_pad)
        export_i(w->e, n, "count_include_pad", 1);
    return n;
}

static void write_pool2d(struct writer *w)
{
    const struct ocelli_pool2d_params *p = w->n->attr;

    pool(w, pool_node(w, p->kind, p->count_include_pad), p->kind, p->kernel, p->stride, p->dilation,
         p->pad, 2);
}

static void write_pool3d(struct writer *w)
{
    const struct ocelli_pool_params *p = w->n->attr;

    pool(w, pool_node(w, p->kind, p->count_include_pad), p->kind, p->kernel, p->stride, p->dilation,
         p->pad, 3);
}

/* The second output of a MaxPool whose first nobody reads. */
static void write_pool3d_index(struct writer *w)
{
    const struct ocelli_pool_params *p = w->n->attr;
    const char *x = in(w, 0);
    Onnx__Node *n = export_node(w->e, w->n, "MaxPool", export_name(w->e, "maxima"), 1, &x);

    export_output(w->e, n, w->out);
    pool(w, n, p->kind, p->kernel, p->stride, p->dilation, p->pad, 3);
    if (p->column_major)
        export_i(w->e, n, "storage_order", 1);
}

/* With windows that lead from x's extents to y's: of stride 1, and padding where y is smaller. */
static void write_unpool(struct writer *w)
{
    const struct ocelli_shape *x = &w->x->desc.shape, *y = &w->y->desc.shape;
    int kernel[OCELLI_MAX_RANK], pad[2 * OCELLI_MAX_RANK] = {0}, dims = x->rank - 2;
    Onnx__Node *n = last(w, "MaxUnpool", in(w, 0), in(w, 1));

    for (int i = 0; i < dims; i++) {
        int more = (int)(y->dim[2 + i] - x->dim[2 + i]);
        kernel[i] = 1 + MAX(more, 0);
        pad[dims + i] = MAX(-more, 0);
    }
    export_ints(w->e, n, "kernel_shape", kernel, dims);
    export_ints(w->e, n, "pads", pad, 2 * dims);
}

static void write_gap(struct writer *w)
{
    last(w, "GlobalAveragePool", in(w, 0), NULL);
}

const struct op_writer onnx_writers_spatial[] = {
    {"conv2d", write_conv2d, true},
    {"conv2d_bwd_data", write_conv2d_bwd_data, true},
    {"conv3d", write_conv3d, true},
    {"conv3d_bwd_data", write_conv3d_bwd_data, true},
    {"pool2d", write_pool2d, false},
    {"pool3d", write_pool3d, false},
    {"pool3d_index", write_pool3d_index, false},
    {"unpool", write_unpool, false},
    {"gap", write_gap, false},
    {0},
};
