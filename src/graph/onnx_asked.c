/* Shapes, ranges and orders that a node asks for, by attributes or known inputs: for building and
 * folding alike. */
#include "graph/onnx_import.h"

bool reshape_shape(struct onnx_node *n, const struct ocelli_shape *x, struct ocelli_shape *y)
{
    bool zero = n->opset >= 14 && attr_flag(n, "allowzero", false);
    int64_t v[OCELLI_MAX_RANK];
    int rank = ints(n, 1, "shape", 5, v, OCELLI_MAX_RANK), open = -1;
    size_t known = 1, count;

    if (rank < 0 && !stopped(n))
        stop(n, fail(OCELLI_ERR_FORMAT, "no shape"));
    if (stopped(n))
        return false;
    *y = (struct ocelli_shape){.rank = rank};
    for (int i = 0; i < rank; i++) {
        y->dim[i] = v[i] == 0 && !zero && i < x->rank ? x->dim[i] : v[i];
        bool bad = v[i] < -1 || (v[i] == -1 && open >= 0) || (v[i] == 0 && !zero && i >= x->rank);
        if (v[i] == -1)
            open = i;
        else if (bad || !mul_size(known, (size_t)y->dim[i], &known))
            bad = true;
        if (bad) {
            stop(n, fail(OCELLI_ERR_FORMAT, "shape: entry %d is %lld", i, (long long)v[i]));
            return false;
        }
    }
    if (!shape_elements(x, &count) || (open >= 0 && (known == 0 || count % known))) {
        stop(n, fail(OCELLI_ERR_SHAPE, "%zu elements do not divide by %zu", count, known));
        return false;
    }
    if (open >= 0)
        y->dim[open] = (int64_t)(count / known);
    return true;
}

bool squeeze_shape(struct onnx_node *n, const struct ocelli_shape *x, struct ocelli_shape *y)
{
    int64_t v[OCELLI_MAX_RANK];
    int count = ints(n, 1, "axes", 13, v, OCELLI_MAX_RANK);
    int mask = axes_mask(n, v, MAX(count, 0), x->rank);

    if (stopped(n))
        return false;
    *y = (struct ocelli_shape){0};
    for (int i = 0; i < x->rank; i++) {
        bool gone = count < 0 ? x->dim[i] == 1 : mask >> i & 1;
        if (!gone) {
            y->dim[y->rank++] = x->dim[i];
        } else if (x->dim[i] != 1) {
            stop(n, fail(OCELLI_ERR_SHAPE, "dimension %d is %lld, not 1", i, (long long)x->dim[i]));
            return false;
        }
    }
    return true;
}

bool unsqueeze_shape(struct onnx_node *n, const struct ocelli_shape *x, struct ocelli_shape *y)
{
    int64_t v[OCELLI_MAX_RANK];
    int count = ints(n, 1, "axes", 13, v, OCELLI_MAX_RANK), rank = x->rank + count, mask;

    if (count < 0 && !stopped(n))
        stop(n, fail(OCELLI_ERR_FORMAT, "no axes"));
    if (!stopped(n) && rank > OCELLI_MAX_RANK)
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "rank above %d", OCELLI_MAX_RANK));
    if (stopped(n))
        return false;
    mask = axes_mask(n, v, count, rank);
    *y = (struct ocelli_shape){.rank = rank};
    for (int i = 0, k = 0; i < rank && !stopped(n); i++)
        y->dim[i] = mask >> i & 1 ? 1 : x->dim[k++];
    return !stopped(n);
}

bool expand_shape(struct onnx_node *n, const struct ocelli_shape *x, struct ocelli_shape *y)
{
    struct ocelli_shape s = {0};
    size_t count;

    s.rank = ints(n, 1, NULL, 0, s.dim, OCELLI_MAX_RANK);
    if (s.rank < 0 && !stopped(n))
        stop(n, fail(OCELLI_ERR_FORMAT, "no shape"));
    if (stopped(n))
        return false;
    if (!shape_elements(&s, &count) || !broadcast(x, &s, y)) {
        stop(n, fail(OCELLI_ERR_SHAPE, "the input does not expand to that shape"));
        return false;
    }
    return true;
}

bool transpose_perm(struct onnx_node *n, int rank, int *perm)
{
    int seen = 0;

    if (!has_attr(n, "perm")) {
        for (int i = 0; i < rank; i++)
            perm[i] = rank - 1 - i;
        return true;
    }
    attr_small(n, "perm", perm, rank, 0);
    for (int i = 0; i < rank && !stopped(n); i++) {
        perm[i] = axis_of(n, perm[i], rank);
        if (seen >> perm[i] & 1)
            stop(n, fail(OCELLI_ERR_FORMAT, "attribute perm has %d twice", perm[i]));
        seen |= 1 << perm[i];
    }
    return !stopped(n);
}

/* Start and end as NumPy reads them: negative from the end, cut to what is there. */
void slice_axis(struct slices *r, int d, int64_t extent, int64_t start, int64_t end, int64_t step)
{
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;

    start += start < 0 ? extent : 0;
    end += end < 0 ? extent : 0;
    start = MIN(MAX(start, low), high);
    end = MIN(MAX(end, low), high);
    r->start[d] = start;
    r->step[d] = step;
    r->count[d] = 0;
    if (step > 0 && end > start)
        r->count[d] = (end - start - 1) / step + 1;
    else if (step < 0 && end < start)
        r->count[d] = step == INT64_MIN ? 1 : (start - end - 1) / -step + 1;
}

bool slice_ranges(struct onnx_node *n, const struct ocelli_shape *x, struct slices *r)
{
    int64_t start[OCELLI_MAX_RANK], end[OCELLI_MAX_RANK], axes[OCELLI_MAX_RANK];
    int64_t step[OCELLI_MAX_RANK];
    int ns = ints(n, 1, "starts", 10, start, OCELLI_MAX_RANK);
    int ne = ints(n, 2, "ends", 10, end, OCELLI_MAX_RANK);
    int na = ints(n, 3, "axes", 10, axes, OCELLI_MAX_RANK);
    int nt = n->opset < 10 ? -1 : ints(n, 4, NULL, 0, step, OCELLI_MAX_RANK);

    if (stopped(n))
        return false;
    if (ns < 0 || ne != ns || (na >= 0 && na != ns) || (nt >= 0 && nt != ns) || ns > x->rank) {
        stop(n, fail(OCELLI_ERR_FORMAT, "%d starts, %d ends, %d axes, %d steps", ns, ne, na, nt));
        return false;
    }
    if (na >= 0)
        axes_mask(n, axes, na, x->rank);
    for (int d = 0; d < x->rank; d++) {
        r->start[d] = 0;
        r->step[d] = 1;
        r->count[d] = x->dim[d];
    }
    for (int i = 0; i < ns && !stopped(n); i++) {
        int d = na < 0 ? i : axis_of(n, axes[i], x->rank);
        if (nt >= 0 && step[i] == 0)
            stop(n, fail(OCELLI_ERR_FORMAT, "step 0"));
        else
            slice_axis(r, d, x->dim[d], start[i], end[i], nt < 0 ? 1 : step[i]);
    }
    return !stopped(n);
}

bool split_sizes(struct onnx_node *n, const struct ocelli_shape *x, int *axis, int64_t *size)
{
    int64_t sum = 0, extent;
    int count = outputs(n), given;

    *axis = axis_of(n, attr_int(n, "axis", 0), x->rank);
    given = n->opset < 2 && has_in(n, 1) ? ints(n, 1, NULL, 0, size, SPLIT_MAX)
                                         : ints(n, 1, "split", 13, size, SPLIT_MAX);
    if (n->opset >= 18 && given < 0 && attr_int(n, "num_outputs", count) != count)
        stop(n, fail(OCELLI_ERR_FORMAT, "attribute num_outputs is not the number of outputs"));
    if (stopped(n))
        return false;
    extent = x->dim[*axis];
    if (count < 1 || count > SPLIT_MAX || (given >= 0 && given != count) ||
        (given < 0 && n->opset < 18 && extent % count)) {
        stop(n, fail(OCELLI_ERR_FORMAT, "%d parts for %d outputs", given, count));
        return false;
    }
    if (given < 0) { /* equal ones, the last may be smaller */
        int64_t part = (extent + count - 1) / count;
        for (int i = 0; i < count; i++)
            size[i] = MAX(MIN(part, extent - i * part), 0);
    }
    for (int i = 0; i < count; i++)
        if (size[i] < 0 || __builtin_add_overflow(sum, size[i], &sum))
            sum = -1, size[i] = 0;
    if (sum != extent)
        stop(n, fail(OCELLI_ERR_SHAPE, "the parts add up to %lld of %lld", (long long)sum,
                     (long long)extent));
    return !stopped(n);
}

int cast_dtype(struct onnx_node *n)
{
    int64_t to = attr_int(n, "to", 0);
    int dtype = to < 0 || to > 1000 ? -1 : onnx_dtype((int)to);

    attr_ignore(n, "saturate"); /* of 8-bit floats, which there are none of */
    if (dtype < 0)
        attr_refuse(n, "to", to);
    return dtype;
}
