#include "data/resample.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

/* The input pixels of one output pixel, and their parts of it. */
struct taps {
    int first, n;
    float *part;
};

/* One direction: `out` pixels from `skip` on, of `size` that `in` pixels become. */
struct axis {
    struct taps *tap;
    float *parts;
};

static int axis_init(struct axis *a, int in, double size, int skip, int out)
{
    double scale = in / size, reach = fmax(scale, 1);
    int most = (int)ceil(2 * reach) + 2;
    a->tap = calloc((size_t)out, sizeof(*a->tap));
    a->parts = calloc((size_t)out * (size_t)most, sizeof(*a->parts));
    if (!a->tap || !a->parts)
        return fail_memory();
    for (int o = 0; o < out; o++) {
        struct taps *t = &a->tap[o];
        double centre = (o + skip + 0.5) * scale, sum = 0;
        t->first = (int)fmax(floor(centre - reach), 0);
        t->part = a->parts + (size_t)o * (size_t)most;
        t->n = MIN(MIN((int)ceil(centre + reach), in) - t->first, most);
        for (int k = 0; k < t->n; k++) {
            t->part[k] = (float)fmax(1 - fabs(t->first + k + 0.5 - centre) / reach, 0);
            sum += t->part[k];
        }
        for (int k = 0; k < t->n; k++)
            t->part[k] /= (float)sum;
    }
    return 0;
}

static void axis_free(struct axis *a)
{
    free(a->tap);
    free(a->parts);
}

/* Row y of the source, resized, a plane a channel. */
static void resize_row(const struct ocelli_image *src, int y, const struct axis *x, int width,
                       int channels, float *dst)
{
    const int c_in = src->channels;
    const uint8_t *row = src->pixels + (size_t)y * (size_t)src->width * (size_t)c_in;
    for (int o = 0; o < width; o++) {
        const struct taps *t = &x->tap[o];
        float v[3] = {0};
        for (int k = 0; k < t->n; k++)
            for (int c = 0; c < c_in && c < 3; c++)
                v[c] += t->part[k] * row[(size_t)(t->first + k) * (size_t)c_in + (size_t)c];
        if (c_in < 3)
            v[1] = v[2] = v[0];
        if (channels == 1)
            dst[o] = c_in < 3 ? v[0] : 0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2];
        for (int c = 0; channels == 3 && c < 3; c++)
            dst[c * width + o] = v[c];
    }
}

int resample_cover(const struct ocelli_image *src, int channels, int height, int width,
                   uint8_t *dst)
{
    double factor = fmax((double)height / src->height, (double)width / src->width);
    double full_h = src->height * factor, full_w = src->width * factor;
    int top = (int)((full_h - height) / 2), left = (int)((full_w - width) / 2), err;
    struct axis x = {0}, y = {0};
    float *rows = NULL, *line = NULL;
    size_t row = (size_t)channels * (size_t)width, area = (size_t)height * (size_t)width;
    TRY(axis_init(&x, src->width, full_w, left, width));
    TRY(axis_init(&y, src->height, full_h, top, height));
    int first = y.tap[0].first, end = y.tap[height - 1].first + y.tap[height - 1].n;
    rows = malloc((size_t)(end - first) * row * sizeof(*rows));
    line = malloc(row * sizeof(*line));
    if (!rows || !line)
        TRY(fail_memory());
    for (int i = first; i < end; i++)
        resize_row(src, i, &x, width, channels, rows + (size_t)(i - first) * row);
    for (int o = 0; o < height; o++) {
        const struct taps *t = &y.tap[o];
        for (size_t i = 0; i < row; i++)
            line[i] = 0;
        for (int k = 0; k < t->n; k++)
            for (size_t i = 0; i < row; i++)
                line[i] += t->part[k] * rows[(size_t)(t->first + k - first) * row + i];
        for (size_t i = 0; i < row; i++)
            dst[i / (size_t)width * area + (size_t)o * (size_t)width + i % (size_t)width] =
                (uint8_t)lrintf(fminf(fmaxf(line[i], 0), 255));
    }
out:
    axis_free(&x);
    axis_free(&y);
    free(rows);
    free(line);
    return err;
}
