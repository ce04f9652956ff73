/* Elements of up to OCELLI_MAX_RANK dimensions, reached through strides. */
#include <string.h>

#include "ops/shared.h"

/* The arguments' names, as the prelude's ND_PARAMS() makes them. */
static const char *const extent_names[] = {"e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7"};
static const char *const stride_names[ND_MAX_OPERANDS][OCELLI_MAX_RANK] = {
    {"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"},
    {"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"},
};

void nd_init(struct nd *d, const struct ocelli_shape *shape)
{
    *d = (struct nd){.shape = *shape};
}

void nd_operand(struct nd *d, const int64_t *stride)
{
    memcpy(d->stride[d->n++], stride, (size_t)d->shape.rank * sizeof(*stride));
}

void nd_broadcast(struct nd *d, const struct ocelli_shape *x)
{
    int64_t stride[OCELLI_MAX_RANK] = {0}, step = 1;
    for (int i = d->shape.rank - 1, j = x->rank - 1; j >= 0; i--, j--) {
        stride[i] = x->dim[j] == 1 ? 0 : step;
        step *= x->dim[j];
    }
    nd_operand(d, stride);
}

/* Dimension d and the one before it are one for every operand. */
static bool joins(const struct nd *a, int d)
{
    for (int k = 0; k < a->n; k++)
        if (a->stride[k][d - 1] != a->stride[k][d] * a->shape.dim[d])
            return false;
    return true;
}

static void drop(struct nd *a, int d)
{
    size_t n = (size_t)(a->shape.rank - 1 - d);
    memmove(&a->shape.dim[d], &a->shape.dim[d + 1], n * sizeof(a->shape.dim[0]));
    for (int k = 0; k < a->n; k++)
        memmove(&a->stride[k][d], &a->stride[k][d + 1], n * sizeof(a->stride[k][0]));
    a->shape.rank--;
}

void nd_collapse(struct nd *a)
{
    for (int d = a->shape.rank - 1; d >= 0; d--)
        if (a->shape.dim[d] == 1)
            drop(a, d);
    for (int d = a->shape.rank - 1; d > 0; d--) {
        if (!joins(a, d))
            continue;
        a->shape.dim[d] *= a->shape.dim[d - 1];
        drop(a, d - 1);
    }
    if (a->shape.rank == 0) {
        a->shape = OCELLI_SHAPE(1);
        for (int k = 0; k < a->n; k++)
            a->stride[k][0] = 1;
    }
}

void launch_nd(struct launch *k, const struct nd *a, int group)
{
    int last = a->shape.rank - 1, across = 1;
    int64_t rows = 1;
    launch_define(k, "RANK=%d", a->shape.rank);
    for (int i = 0; i < last; i++)
        rows *= a->shape.dim[i];
    launch_int(k, "rows", (int)rows);
    for (int i = 0; i <= last; i++)
        launch_int(k, extent_names[i], (int)a->shape.dim[i]);
    for (int j = 0; j < a->n; j++) {
        int64_t inner = a->stride[j][last];
        /* The compiler makes vectors of steps of 0 and 1 that it can see. */
        if (inner == 0 || inner == 1)
            launch_define(k, "%c_INNER=%d", 'A' + j, (int)inner);
        else
            launch_define(k, "%c_INNER=%s", 'A' + j, stride_names[j][last]);
        for (int i = 0; i <= last; i++)
            launch_int(k, stride_names[j][i], (int)a->stride[j][i]);
    }
    while (across < group && across < a->shape.dim[last])
        across *= 2;
    launch_grid2(k, (size_t)a->shape.dim[last], (size_t)rows, (size_t)across,
                 (size_t)(group / across));
}
