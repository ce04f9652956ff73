#include "ops/blocks.h"

#include <limits.h>

#include "ops/conv2d_blocked.h"

bool blocks_of(const struct ocelli_shape *x, int64_t channels, struct blocks *b)
{
    if (x->rank != 5 || x->dim[1] == channels || !block_is_legal(x->dim[4]))
        return false;
    const int64_t v = x->dim[4];
    if (channels > x->dim[1] * v || channels <= (x->dim[1] - 1) * v || shape_count(x) > INT_MAX / 2)
        return false;
    *b = (struct blocks){(int)x->dim[0], (int)x->dim[1], (int)(x->dim[2] * x->dim[3]), (int)v,
                         (int)channels};
    return true;
}

int check_blocked(const struct problem *p, int x, int channels, int64_t *n)
{
    char a[SHAPE_TEXT];
    struct blocks b;
    const struct ocelli_shape *s = &p->in[x].shape;
    if (s->rank < 2)
        return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, which has no channels", p->op->name,
                    p->op->in[x], shape_text(s, a));
    *n = channels ? channels : s->dim[1];
    if (!channels || blocks_of(s, channels, &b))
        return 0;
    return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, which is not %d channels in blocks", p->op->name,
                p->op->in[x], shape_text(s, a), channels);
}

int check_channels_of(const struct problem *p, int i, int x)
{
    char a[SHAPE_TEXT], c[SHAPE_TEXT];
    struct blocks b;
    const struct ocelli_shape *s = &p->in[i].shape, *sx = &p->in[x].shape;
    if (sx->rank < 2)
        return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, which has no channels", p->op->name,
                    p->op->in[x], shape_text(sx, a));
    if (s->rank == 1 && (s->dim[0] == sx->dim[1] || blocks_of(sx, s->dim[0], &b)))
        return 0;
    return fail(OCELLI_ERR_SHAPE, "%s: %s is %s, not one value for each of the channels of %s",
                p->op->name, p->op->in[i], shape_text(s, a), shape_text(sx, c));
}

/* ---- Kernels on every pixel ---- */

#define PIXELS 512 /* a work-item: 32 KiB in blocks of 16, about 3 us */

void launch_planes(struct launch *k, const struct blocks *b, const struct caps *caps)
{
    const int planes = b->n * b->blocks;
    int each = 1;
    while (each * b->area < PIXELS && planes / (2 * each) >= 4 * caps->compute_units)
        each *= 2;
    launch_define(k, "VW=%d", b->v);
    launch_int(k, "blocks", b->blocks);
    launch_int(k, "area", b->area);
    launch_int(k, "planes", planes);
    launch_int(k, "channels", b->channels);
    launch_int(k, "pixels", PIXELS);
    launch_int(k, "each", each);
    launch_grid2(k, div_up((size_t)b->area, PIXELS), div_up((size_t)planes, (size_t)each), 1, 1);
}

/* ---- Sums over a channel ---- */

#define PART 2048 /* pixels: 128 KiB in blocks of 16 */

struct parts parts_of(const struct blocks *b)
{
    struct parts t = {.images = b->area >= PART ? 1 : MIN(PART / b->area, b->n), .pixels = PART};
    t.per_image = (int)div_up((size_t)b->area, PART);
    t.count = t.per_image * (int)div_up((size_t)b->n, (size_t)t.images);
    return t;
}

void launch_parts(struct launch *k, const struct blocks *b, const struct parts *t)
{
    launch_define(k, "VW=%d", b->v);
    if (t->count == 1)
        launch_define(k, "ALONE");
    launch_int(k, "blocks", b->blocks);
    launch_int(k, "area", b->area);
    launch_int(k, "channels", b->channels);
    launch_int(k, "n", b->n);
    launch_int(k, "images", t->images);
    launch_int(k, "pixels", t->pixels);
    launch_int(k, "per_image", t->per_image);
}
