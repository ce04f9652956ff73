/* The steps from a picture to a network as one operation: where they cut, and what they add up to.
 */
#include <ocelli/preprocess.h>

#include <math.h>
#include <string.h>

#include "ops/attrs.h"
#include "ops/graph.h"

/* Where the middle n of `of` begin. Half to even, as Python rounds in torchvision. */
static int middle(int64_t of, int64_t n)
{
    return (int)nearbyint((double)(of - n) / 2);
}

/* The sides that `box` is resized to. */
static void resized(const struct ocelli_preprocess_params *p, const int64_t box[2], int64_t size[2])
{
    for (int d = 0; d < 2; d++) {
        int want = p->resize[d] ? p->resize[d] : p->resize[0] ? p->resize[0] : p->crop[d];
        size[d] = want ? want : box[d];
    }
    if (!p->keep_ratio)
        return;
    /* The side that is the shorter one for its size gets just that; the other is cut to a whole
     * number, as in torchvision. */
    int d = box[0] * size[1] <= box[1] * size[0] ? 0 : 1;
    size[!d] = size[d] * box[!d] / box[d];
}

static bool sensible(const struct ocelli_preprocess_params *p)
{
    bool good = (p->channels == 0 || p->channels == 1 || p->channels == 3) && p->square >= 0 &&
                p->square <= 1 && isfinite(p->scale);
    for (int d = 0; d < 2; d++)
        good = good && p->resize[d] >= 0 && p->resize[d] <= 1 << 20 && p->crop[d] >= 0;
    for (int c = 0; c < 3; c++)
        good = good && isfinite(p->mean[c]) && isfinite(p->std[c]);
    return good;
}

/* (scale (255 - v) - mean) / std and the like as one multiplication and one addition. */
static void levels(const struct ocelli_preprocess_params *p, struct image_attr *a)
{
    const double scale = p->scale != 0 ? p->scale : 1;
    for (int c = 0; c < 3; c++) {
        const double std = p->std[c] != 0 ? p->std[c] : 1;
        a->mul[c] = (float)((p->invert ? -scale : scale) / std);
        a->add[c] = (float)(((p->invert ? 255 * scale : 0) - p->mean[c]) / std);
    }
}

static int describe(const struct ocelli_preprocess_params *p, const struct ocelli_shape *x,
                    struct image_attr *a)
{
    int64_t box[2] = {x->dim[0], x->dim[1]}, size[2];
    if (p->square > 0) {
        int64_t side = (int64_t)((double)p->square * (double)MIN(box[0], box[1]));
        box[0] = box[1] = MAX(side, (int64_t)1);
    }
    resized(p, box, size);
    *a = (struct image_attr){
        .channels = p->channels, .antialias = !p->no_antialias, .bgr = p->bgr && p->channels != 1};
    for (int d = 0; d < 2; d++) {
        int64_t n = p->crop[d] ? p->crop[d] : size[d];
        if (size[d] > INT32_MAX || n > size[d] || size[d] < 1)
            return fail(OCELLI_ERR_INVALID,
                        "preprocess: the picture becomes %lldx%lld, of which %dx%d cannot be kept",
                        (long long)size[0], (long long)size[1], p->crop[0], p->crop[1]);
        a->box[d] = (int)((x->dim[d] - box[d]) / 2);
        a->box[2 + d] = (int)box[d];
        a->size[d] = (int)size[d];
        a->crop[d] = middle(size[d], n);
        a->crop[2 + d] = (int)n;
    }
    levels(p, a);
    return 0;
}

ocelli_value ocelli_preprocess(struct ocelli_graph *g, ocelli_value x,
                               const struct ocelli_preprocess_params *p)
{
    static const struct ocelli_preprocess_params defaults = {0};
    struct ocelli_shape shape = ocelli_value_shape(g, x);
    struct image_attr a;
    char text[SHAPE_TEXT];
    int err;

    if (g->g.status)
        return OCELLI_NONE;
    p = p ? p : &defaults;
    if (!sensible(p))
        return graph_fail(&g->g,
                          fail(OCELLI_ERR_INVALID, "preprocess: a number that is out of range"));
    if (shape.rank != 3 || shape.dim[0] > INT32_MAX || shape.dim[1] > INT32_MAX)
        return graph_fail(
            &g->g, shape.rank < 0 ? fail(OCELLI_ERR_INVALID, "preprocess: no value of this graph")
                                  : fail(OCELLI_ERR_SHAPE,
                                         "preprocess: the picture is %s, not height x width "
                                         "x channels",
                                         shape_text(&shape, text)));
    if ((err = describe(p, &shape, &a)) != 0)
        return graph_fail(&g->g, err);
    return graph_add(&g->g, &op_image, &a, (int[OP_MAX_IN]){x});
}
