#include "train/gradlog.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "ops/graph.h"
#include "train/metrics.h"

#define MAX_FILE ((size_t)1 << 30)

/* Does the graph train value v, a matrix of any kind? */
static bool is_column(const struct graph *g, int v)
{
    if (g->value[v].kind != VALUE_WEIGHT || g->value[v].desc.shape.rank < 2)
        return false;
    for (int i = 0; i < g->n_nodes; i++)
        if ((g->node[i].op->updates & 1) && g->node[i].in[0] == v)
            return true;
    return false;
}

int gradlog_init(struct gradlog *l, const struct ocelli_graph *graph)
{
    const struct graph *g = &graph->g;
    *l = (struct gradlog){.stride = 1};
    l->name = calloc((size_t)g->n_values + 1, sizeof(*l->name));
    if (!l->name)
        return fail_memory();
    for (int v = 0; v < g->n_values; v++)
        if (is_column(g, v))
            l->name[l->n++] = g->value[v].name;
    if (l->n == 0)
        return fail(OCELLI_ERR_INVALID, "gradients: no weight has two dimensions");
    l->point = calloc((size_t)l->n * GRADLOG_POINTS, sizeof(*l->point));
    return l->point ? 0 : fail_memory();
}

void gradlog_free(struct gradlog *l)
{
    free(l->name);
    free(l->point);
    text_free(&l->rows);
    *l = (struct gradlog){0};
}

/* When all points are taken every second one is given up. */
static void add_point(struct gradlog *l, int64_t step, const float *norm)
{
    size_t row = (size_t)l->n * sizeof(*norm);
    if ((step - 1) % l->stride != 0)
        return;
    if (l->n_points == GRADLOG_POINTS) {
        for (int i = 1; i < GRADLOG_POINTS / 2; i++)
            memcpy(l->point + (size_t)i * (size_t)l->n, l->point + 2 * (size_t)i * (size_t)l->n,
                   row);
        l->n_points = GRADLOG_POINTS / 2;
        l->stride *= 2;
        if ((step - 1) % l->stride != 0)
            return;
    }
    memcpy(l->point + (size_t)l->n_points++ * (size_t)l->n, norm, row);
}

int gradlog_add(struct gradlog *l, int64_t step, const float *norm)
{
    locale_t old, c = numbers_begin(&old);
    text_add(&l->rows, "%" PRId64, step);
    for (int i = 0; i < l->n; i++)
        text_add(&l->rows, ",%.6g", (double)norm[i]);
    text_add(&l->rows, "\n");
    numbers_end(c, old);
    add_point(l, step, norm);
    return l->rows.failed ? fail_memory() : 0;
}

/* Takes a row of a file, "step,norm,norm,..": false when it is none of ours or of a step behind
 * `done`. */
static bool take_row(struct gradlog *l, const char *line, int64_t done)
{
    char *end;
    float *norm = calloc((size_t)l->n, sizeof(*norm));
    long long step = strtoll(line, &end, 10);
    bool good = norm && end != line && step >= 1 && step <= done;
    for (int i = 0; i < l->n && good; i++) {
        char *from = end + 1;
        good = *end == ',';
        if (good)
            norm[i] = strtof(from, &end);
        good = good && end != from;
    }
    good = good && *end == '\0';
    if (good)
        add_point(l, step, norm);
    free(norm);
    return good;
}

static void read_rows(struct gradlog *l, const char *path, int64_t done, struct text *kept)
{
    char *s, *save = NULL;
    size_t bytes;
    if (done == 0 || file_read(path, MAX_FILE, &s, &bytes) != 0)
        return;
    locale_t old, c = numbers_begin(&old);
    if (bytes > 0 && s[bytes - 1] != '\n') { /* the last row is not whole */
        char *cut = strrchr(s, '\n');
        *(cut ? cut : s) = 0;
    }
    for (char *line = strtok_r(s, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (take_row(l, line, done))
            text_add(kept, "%s\n", line);
    numbers_end(c, old);
    free(s);
}

int gradlog_begin(struct gradlog *l, const char *path, int64_t done)
{
    struct text t = {0};
    text_add(&t, "step");
    for (int i = 0; i < l->n; i++)
        text_add(&t, ",%s", l->name[i]);
    text_add(&t, "\n");
    read_rows(l, path, done, &t);
    int err = t.failed ? fail_memory() : file_replace(path, t.s, t.len, 0666);
    text_free(&t);
    return err;
}

int gradlog_flush(struct gradlog *l, const char *path)
{
    if (l->rows.len == 0)
        return 0;
    FILE *f = fopen(path, "a");
    bool good = f && fwrite(l->rows.s, 1, l->rows.len, f) == l->rows.len;
    if (f && fclose(f) != 0)
        good = false;
    if (!good)
        return fail(OCELLI_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    text_free(&l->rows);
    return 0;
}

/* ---- The picture: norms on a logarithmic scale, the first layer blue, the last one red ---- */

#define WIDTH 1000
#define HEIGHT 520
#define LEFT 75
#define TOP 60
#define PLOT_W 690
#define PLOT_H 400
#define LEGEND 14 /* pixels a line; so many layers at most are named */
#define NAMED 28

struct scale {
    double low, high; /* decades */
    int64_t steps;
};

static double place(const struct scale *s, double norm)
{
    double d = fmin(fmax(log10(norm), s->low), s->high);
    return TOP + PLOT_H * (s->high - d) / (s->high - s->low);
}

static struct scale find_scale(const struct gradlog *l)
{
    struct scale s = {INFINITY, -INFINITY, MAX((l->n_points - 1) * l->stride, 1)};
    for (int i = 0; i < l->n_points * l->n; i++) {
        double d = log10((double)l->point[i]);
        if (!isfinite(d))
            continue;
        s.low = fmin(s.low, floor(d));
        s.high = fmax(s.high, ceil(d));
    }
    if (!(s.low <= s.high))
        s.low = s.high = 0;
    s.low = fmax(s.low, s.high - 30);
    s.high = fmax(s.high, s.low + 1);
    return s;
}

static void draw_grid(struct text *t, const struct scale *s)
{
    int every = (int)ceil((s->high - s->low) / 12);
    for (double d = s->low; d <= s->high; d += every) {
        double y = TOP + PLOT_H * (s->high - d) / (s->high - s->low);
        text_add(t, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#e5e7eb\"/>", LEFT,
                 y, LEFT + PLOT_W, y);
        text_add(t, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">1e%.0f</text>\n", LEFT - 8,
                 y + 4, d);
    }
    text_add(t, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#374151\"/>\n", LEFT, TOP,
             TOP + PLOT_H, LEFT + PLOT_W);
    text_add(
        t,
        "<text x=\"%d\" y=\"%d\">1</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">step %" PRId64
        "</text>\n",
        LEFT, TOP + PLOT_H + 20, LEFT + PLOT_W, TOP + PLOT_H + 20, s->steps + 1);
}

static void draw_layer(struct text *t, const struct gradlog *l, const struct scale *s, int k)
{
    double part = l->n > 1 ? (double)k / (l->n - 1) : 0;
    int red = (int)lround(29 + part * (220 - 29)), blue = (int)lround(216 - part * (216 - 38));
    bool on = false;
    text_add(t, "<path fill=\"none\" stroke=\"#%02x40%02x\" d=\"", red, blue);
    for (int i = 0; i < l->n_points; i++) {
        double v = l->point[(size_t)i * (size_t)l->n + (size_t)k];
        bool good = isfinite(v) && v > 0;
        double x = LEFT + PLOT_W * (double)(i * l->stride) / (double)s->steps;
        if (good)
            text_add(t, "%c%.1f %.1f", on ? 'L' : 'M', x, place(s, v));
        on = good;
    }
    text_add(t, "\"/>\n");
    int every = (l->n + NAMED - 1) / NAMED, y = TOP + 10 + k / every * LEGEND;
    if (k % every == 0)
        text_add(t, "<text x=\"%d\" y=\"%d\" fill=\"#%02x40%02x\">%s</text>\n", LEFT + PLOT_W + 15,
                 y, red, blue, l->name[k]);
}

int gradlog_draw(const struct gradlog *l, const char *path, const char *title)
{
    struct text t = {0};
    struct scale s = find_scale(l);
    locale_t old, c = numbers_begin(&old);
    text_add(&t,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
             "font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#111827\">\n"
             "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n"
             "<text x=\"%d\" y=\"32\" font-size=\"18\">%s: norms of the layers' gradients</text>\n",
             WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT, title);
    draw_grid(&t, &s);
    for (int k = 0; k < l->n; k++)
        draw_layer(&t, l, &s, k);
    text_add(&t, "</svg>\n");
    numbers_end(c, old);
    int err = t.failed ? fail_memory() : file_replace(path, t.s, t.len, 0666);
    text_free(&t);
    return err;
}
