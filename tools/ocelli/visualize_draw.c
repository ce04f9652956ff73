/* Grids of small pictures, and the confusion matrix. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "visualize.h"

#define GAP 2    /* pixels between tiles */
#define SEEN 96  /* a tile is enlarged until it is about so wide */
#define WIDE 900 /* and a grid is no wider than about this */

static double limit(double x)
{
    return x < 0 ? 0 : x > 255 ? 255 : x;
}

/* grey = low + scale * value */
static void choose_tone(const float *v, size_t n, enum tone tone, double *low, double *scale)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(v[i]))
            continue;
        least = fmin(least, (double)v[i]);
        most = fmax(most, (double)v[i]);
    }
    if (tone == TONE_EACH) {
        *scale = most > least ? 255 / (most - least) : 0;
        *low = most > least ? -least * *scale : 0;
    } else {
        double size = fmax(fabs(least), fabs(most));
        *scale = size > 0 && isfinite(size) ? 127 / size : 0;
        *low = 128;
    }
}

struct grid {
    int columns, rows, zoom;
    struct ocelli_image im;
};

static void draw_tile(const struct grid *g, const struct tiles *t, int k, double low, double scale)
{
    const size_t area = (size_t)t->height * (size_t)t->width;
    const float *tile = t->data + (size_t)k * area * (size_t)t->channels;
    const int left = GAP + k % g->columns * (t->width * g->zoom + GAP);
    const int top = GAP + k / g->columns * (t->height * g->zoom + GAP);
    for (int y = 0; y < t->height * g->zoom; y++)
        for (int x = 0; x < t->width * g->zoom; x++)
            for (int c = 0; c < t->channels; c++) {
                size_t from = (size_t)c * area + (size_t)(y / g->zoom) * (size_t)t->width +
                              (size_t)(x / g->zoom);
                size_t to = ((size_t)(top + y) * (size_t)g->im.width + (size_t)(left + x)) *
                                (size_t)t->channels +
                            (size_t)c;
                double grey = isfinite(tile[from]) ? low + scale * (double)tile[from] : 255;
                g->im.pixels[to] = (uint8_t)lrint(limit(grey));
            }
}

int tiles_write(const struct tiles *t, enum tone tone, const char *path)
{
    const size_t size = (size_t)t->channels * (size_t)t->height * (size_t)t->width;
    struct grid g = {.zoom = SEEN / (t->width < SEEN ? t->width : SEEN)};
    double low = 0, scale = 0;
    int err;

    int cell = t->width * g.zoom + GAP;
    g.columns = (int)ceil(sqrt((double)t->n * t->height / t->width));
    g.columns = g.columns * cell > WIDE ? WIDE / cell : g.columns;
    g.columns = g.columns < 1 ? 1 : g.columns > t->n ? t->n : g.columns;
    g.rows = (t->n + g.columns - 1) / g.columns;
    g.im = (struct ocelli_image){GAP + g.columns * cell, GAP + g.rows * (t->height * g.zoom + GAP),
                                 t->channels, NULL};
    size_t bytes = (size_t)g.im.width * (size_t)g.im.height * (size_t)t->channels;
    if (!(g.im.pixels = malloc(bytes)))
        return cli_error("%s: out of memory", path);
    memset(g.im.pixels, 255, bytes);
    if (tone == TONE_SIGNED)
        choose_tone(t->data, size * (size_t)t->n, tone, &low, &scale);
    for (int k = 0; k < t->n; k++) {
        if (tone != TONE_SIGNED)
            choose_tone(t->data + (size_t)k * size, size, tone, &low, &scale);
        draw_tile(&g, t, k, low, scale);
    }
    err = ocelli_image_write(&g.im, path);
    free(g.im.pixels);
    return err ? cli_failed(NULL, err) : EXIT_DONE;
}

/* ---- The confusion matrix ---- */

static void put_escaped(FILE *f, const char *s)
{
    for (; *s; s++)
        if (*s == '<' || *s == '>' || *s == '&')
            fprintf(f, "&#%d;", *s);
        else
            fputc(*s, f);
}

/* Darker: more of the images of that class. */
static void put_row(FILE *f, const int64_t *counts, int n, int row, int left, int top, int cell)
{
    int64_t sum = 0;
    for (int c = 0; c < n; c++)
        sum += counts[row * n + c];
    for (int c = 0; c < n; c++) {
        int64_t count = counts[row * n + c];
        double part = sum ? (double)count / (double)sum : 0;
        fprintf(f,
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" "
                "fill-opacity=\"%.3f\"/>",
                left + c * cell, top + row * cell, cell - 1, cell - 1,
                c == row ? "#1d4ed8" : "#c2410c", count ? 0.06 + 0.94 * sqrt(part) : 0.02);
        if (count && n <= 32)
            fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"%s\">%lld</text>",
                    left + c * cell + cell / 2, top + row * cell + cell / 2 + 4,
                    part > 0.3 ? "#ffffff" : "#111827", (long long)count);
        fputc('\n', f);
    }
}

int matrix_write(const int64_t *counts, int n, const char *const *names, const char *path)
{
    const int cell = n <= 32 ? 40 : 12, left = 130, top = 130;
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    if (!f)
        return cli_error("%s: out of memory", path);
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\" font-size=\"%d\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            left + n * cell + 20, top + n * cell + 20, n <= 32 ? 12 : 9);
    for (int i = 0; i < n; i++) {
        int at = i * cell + cell / 2;
        fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", left - 8, top + at + 4);
        put_escaped(f, names[i]);
        fprintf(f, "</text><text transform=\"translate(%d %d) rotate(-60)\">", left + at, top - 8);
        put_escaped(f, names[i]);
        fprintf(f, "</text>\n");
        put_row(f, counts, n, i, left, top, cell);
    }
    fprintf(f, "</svg>\n");
    int failed = fclose(f);
    int status = failed ? cli_error("%s: out of memory", path) : file_write(path, text, bytes);
    free(text);
    return status;
}
