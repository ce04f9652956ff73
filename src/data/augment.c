/* Random flips, crops and colours, as Krizhevsky et al. 2012, section 4.1, vary their images. */
#include "data/augment.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/dataset.h"

/* Keeps these numbers unrelated to other random streams of the same seed. */
#define AUGMENT_STREAM 0x6175676d656e7400u
enum { DRAW_FLIP, DRAW_Y, DRAW_X, DRAW_LIGHT, DRAW_CONTRAST, DRAW_PRINCIPAL, DRAWS = 8 };
#define SAMPLE 20000 /* pixels whose colours are looked at */

/* ---- Principal components of the colours ---- */

/* Eigenvalues (on the diagonal of c) and eigenvectors (columns of v) of a symmetric 3x3 matrix:
 * Jacobi's rotations, each annulling the largest element beside the diagonal. */
static void eigen(double c[3][3], double v[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            v[i][j] = i == j;
    for (int round = 0; round < 32; round++) {
        int p = 0, q = 1;
        if (fabs(c[0][2]) > fabs(c[p][q]))
            q = 2;
        if (fabs(c[1][2]) > fabs(c[p][q]))
            p = 1, q = 2;
        if (fabs(c[p][q]) < 1e-15)
            return;
        double angle = 0.5 * atan2(2 * c[p][q], c[p][p] - c[q][q]), co = cos(angle),
               si = sin(angle);
        for (int k = 0; k < 3; k++) {
            double x = c[k][p], y = c[k][q];
            c[k][p] = co * x + si * y;
            c[k][q] = co * y - si * x;
        }
        for (int k = 0; k < 3; k++) {
            double x = c[p][k], y = c[q][k], s = v[k][p], t = v[k][q];
            c[p][k] = co * x + si * y;
            c[q][k] = co * y - si * x;
            v[k][p] = co * s + si * t;
            v[k][q] = co * t - si * s;
        }
    }
}

static void find_principal(struct augmenter *a, const struct ocelli_dataset *ds)
{
    double sum[3] = {0}, c[3][3] = {{0}}, v[3][3];
    size_t area = (size_t)a->height * (size_t)a->width;
    uint64_t pixels = (uint64_t)ds->info.count * area;
    int n = (int)MIN((uint64_t)SAMPLE, pixels);
    for (int i = 0; i < n; i++) {
        uint64_t at = random_at(a->seed, AUGMENT_STREAM, (uint64_t)i) % pixels;
        const uint8_t *x = ds->images.data + at / area * ds->image_bytes + at % area;
        for (int p = 0; p < 3; p++) {
            sum[p] += x[(size_t)p * area];
            for (int q = 0; q < 3; q++)
                c[p][q] += (double)x[(size_t)p * area] * x[(size_t)q * area];
        }
    }
    for (int p = 0; p < 3; p++)
        for (int q = 0; q < 3; q++)
            c[p][q] = (c[p][q] / n - sum[p] / n * (sum[q] / n)) / (255.0 * 255.0);
    eigen(c, v);
    for (int k = 0; k < 3; k++)
        for (int p = 0; p < 3; p++)
            a->principal[k][p] = (float)(sqrt(fmax(c[k][k], 0)) * v[p][k]);
}

int augment_init(struct augmenter *a, const struct ocelli_dataset *ds,
                 const struct ocelli_augment *p, uint64_t seed)
{
    const struct ocelli_dataset_info *in = &ds->info;
    *a = (struct augmenter){*p, seed, in->channels, in->height, in->width, {{0}}};
    if (p->crop < 0 || p->crop >= in->height || p->crop >= in->width)
        return fail(OCELLI_ERR_INVALID, "augment: a crop by %d of images of %dx%d", p->crop,
                    in->height, in->width);
    if (!(p->color >= 0 && p->color <= 1))
        return fail(OCELLI_ERR_INVALID, "augment: color %g is not between 0 and 1", p->color);
    if (p->color > 0 && in->channels == 3)
        find_principal(a, ds);
    return 0;
}

/* ---- One image ---- */

/* A number from 0 to 1 for one decision on one image in one epoch. */
static double draw(const struct augmenter *a, int64_t epoch, int64_t at, int what)
{
    return random_uniform(a->seed, AUGMENT_STREAM + 1 + (uint64_t)epoch,
                          (uint64_t)at * DRAWS + (uint64_t)what);
}

/* How far the window is moved: -crop to crop. */
static int shift(const struct augmenter *a, int64_t epoch, int64_t at, int what)
{
    return (int)floor(draw(a, epoch, at, what) * (2 * a->p.crop + 1)) - a->p.crop;
}

/* v -> contrast v + light[channel]. */
static void draw_colors(const struct augmenter *a, int64_t epoch, int64_t at, float *contrast,
                        float light[3])
{
    float s = a->p.color;
    float all = s * (float)(2 * draw(a, epoch, at, DRAW_LIGHT) - 1);
    *contrast = 1 + s * (float)(2 * draw(a, epoch, at, DRAW_CONTRAST) - 1);
    for (int c = 0; c < 3; c++)
        light[c] = all * 0.5f;
    for (int k = 0; k < 3; k++) {
        float alpha = s * (float)random_normal(a->seed, AUGMENT_STREAM + 1 + (uint64_t)epoch,
                                               ~((uint64_t)at * 3 + (uint64_t)k));
        for (int c = 0; c < 3; c++)
            light[c] += alpha * a->principal[k][c];
    }
}

void augment_image(const struct augmenter *a, int64_t epoch, int64_t at, const uint8_t *src,
                   float *dst)
{
    bool flip = a->p.flip && draw(a, epoch, at, DRAW_FLIP) < 0.5;
    int dy = shift(a, epoch, at, DRAW_Y), dx = shift(a, epoch, at, DRAW_X);
    float contrast = 1, light[3] = {0};
    if (a->p.color > 0)
        draw_colors(a, epoch, at, &contrast, light);
    for (int c = 0; c < a->channels; c++) {
        for (int y = 0; y < a->height; y++, dst += a->width) {
            int from = y + dy;
            memset(dst, 0, (size_t)a->width * sizeof(*dst)); /* beyond the image it is black */
            if (from < 0 || from >= a->height)
                continue;
            const uint8_t *row =
                src + ((size_t)c * (size_t)a->height + (size_t)from) * (size_t)a->width;
            for (int x = 0; x < a->width; x++) {
                int k = (flip ? a->width - 1 - x : x) + dx;
                if (k < 0 || k >= a->width)
                    continue;
                float v = (float)row[k] / 255.0f;
                if (a->p.color > 0)
                    v = fminf(fmaxf(contrast * v + light[c % 3], 0), 1);
                dst[x] = v;
            }
        }
    }
}
