/* Random flips, crops and colours, as Krizhevsky et al. 2012, section 4.1, vary their images. */
#include "data/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/dataset.h"

/* Keeps these numbers unrelated to other random streams of the same seed. */
#define AUGMENT_STREAM 0x6175676d656e7400u
enum { DRAW_FLIP, DRAW_Y, DRAW_X, DRAW_LIGHT, DRAW_CONTRAST, DRAW_PRINCIPAL, DRAWS = 8 };
#define SAMPLE 20000 /* pixels whose colours are looked at */
#define SAMPLE_FILES 100 /* where images are files: of so many of them */

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

/* Sums of a pixel's colours and of their products. */
struct moments {
    double sum[3], c[3][3];
    int n;
};

static void add_pixel(struct moments *m, const uint8_t *x, size_t area)
{
    m->n++;
    for (int p = 0; p < 3; p++) {
        m->sum[p] += x[(size_t)p * area];
        for (int q = 0; q < 3; q++)
            m->c[p][q] += (double)x[(size_t)p * area] * x[(size_t)q * area];
    }
}

/* From some images that can be read. */
static int sample_files(const struct augmenter *a, const struct ocelli_dataset *ds, size_t area,
                        struct moments *m)
{
    int err = 0;
    uint8_t *buf = malloc(ds->image_bytes);
    if (!buf)
        return fail_memory();
    for (int i = 0; i < SAMPLE_FILES; i++) {
        int64_t at = (int64_t)(random_at(a->seed, AUGMENT_STREAM, (uint64_t)i) % (uint64_t)ds->info.count);
        const uint8_t *x;
        bool bad;
        err = dataset_pixels(ds, at, buf, &x, &bad);
        if (err && bad && ds->skip_bad)
            continue;
        TRY(err);
        for (size_t k = 0; k < SAMPLE / SAMPLE_FILES; k++)
            add_pixel(m, x + (k * 7919 + (size_t)i) % area, area);
    }
    err = 0;
out:
    free(buf);
    return err;
}

static int find_principal(struct augmenter *a, const struct ocelli_dataset *ds)
{
    struct moments m = {0};
    double v[3][3], (*c)[3] = m.c;
    size_t area = (size_t)ds->height * (size_t)ds->width;
    int err = 0;
    uint64_t pixels = (uint64_t)ds->info.count * area;
    if (!ds->pixels)
        TRY(sample_files(a, ds, area, &m));
    for (int i = 0; ds->pixels && i < (int)MIN((uint64_t)SAMPLE, pixels); i++) {
        uint64_t at = random_at(a->seed, AUGMENT_STREAM, (uint64_t)i) % pixels;
        add_pixel(&m, ds->pixels + at / area * ds->image_bytes + at % area, area);
    }
    for (int p = 0; p < 3; p++)
        for (int q = 0; q < 3; q++)
            c[p][q] = (c[p][q] / m.n - m.sum[p] / m.n * (m.sum[q] / m.n)) / (255.0 * 255.0);
    eigen(c, v);
    for (int k = 0; k < 3; k++)
        for (int p = 0; p < 3; p++)
            a->principal[k][p] = (float)(sqrt(fmax(c[k][k], 0)) * v[p][k]);
out:
    return err;
}

int augment_init(struct augmenter *a, const struct ocelli_dataset *ds,
                 const struct ocelli_augment *p, uint64_t seed)
{
    const struct ocelli_dataset_info *in = &ds->info;
    *a = (struct augmenter){*p, seed, in->channels, in->height, in->width, ds->height, ds->width, {{0}}};
    if (p->crop < 0 || p->crop >= in->height || p->crop >= in->width)
        return fail(OCELLI_ERR_INVALID, "augment: a crop by %d of images of %dx%d", p->crop,
                    in->height, in->width);
    if (!(p->color >= 0 && p->color <= 1))
        return fail(OCELLI_ERR_INVALID, "augment: color %g is not between 0 and 1", p->color);
    return p->color > 0 && in->channels == 3 ? find_principal(a, ds) : 0;
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
    int dy = shift(a, epoch, at, DRAW_Y) + (a->src_height - a->height) / 2;
    int dx = shift(a, epoch, at, DRAW_X) + (a->src_width - a->width) / 2;
    float contrast = 1, light[3] = {0};
    if (a->p.color > 0)
        draw_colors(a, epoch, at, &contrast, light);
    for (int c = 0; c < a->channels; c++) {
        for (int y = 0; y < a->height; y++, dst += a->width) {
            int from = y + dy;
            memset(dst, 0, (size_t)a->width * sizeof(*dst)); /* beyond the image it is black */
            if (from < 0 || from >= a->src_height)
                continue;
            const uint8_t *row =
                src + ((size_t)c * (size_t)a->src_height + (size_t)from) * (size_t)a->src_width;
            for (int x = 0; x < a->width; x++) {
                int k = (flip ? a->width - 1 - x : x) + dx;
                if (k < 0 || k >= a->src_width)
                    continue;
                float v = (float)row[k] / 255.0f;
                if (a->p.color > 0)
                    v = fminf(fmaxf(contrast * v + light[c % 3], 0), 1);
                dst[x] = v;
            }
        }
    }
}
