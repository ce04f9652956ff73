/* curves.svg: two panels side by side, loss and accuracy over epochs. One file without references
 * to others, so that it opens anywhere. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "train/metrics.h"

/* Extents in pixels. */
#define WIDTH 1000
#define HEIGHT 440
#define PLOT_W 390
#define PLOT_H 290
#define PLOT_Y 80
#define LEFT 75   /* of the first panel's plot */
#define PANEL 490 /* from one plot to the next */
#define TICKS 5   /* about so many an axis */
#define MARKS 40  /* up to so many epochs get a dot each */

struct axis {
    double low, high, step;
    int decimals;
};

struct panel {
    const char *title;
    double low, high; /* no value is outside */
    double (*value)(const struct ocelli_epoch *e, int line);
};

static const struct {
    const char *name, *color, *dash;
} lines[] = {
    {"training", "#1d4ed8", ""},
    {"test", "#c2410c", " stroke-dasharray=\"7 3\""},
};

static double loss(const struct ocelli_epoch *e, int line)
{
    return line ? e->test_loss : e->train_loss;
}

static double accuracy(const struct ocelli_epoch *e, int line)
{
    return line ? e->test_accuracy : e->train_accuracy;
}

static const struct panel panels[] = {
    {"Loss (cross-entropy)", 0, INFINITY, loss},
    {"Accuracy", 0, 1, accuracy},
};

/* Ticks at 1, 2 or 5 times a power of ten, ends at ticks. */
static struct axis make_axis(double low, double high)
{
    if (!(high > low)) {
        double pad = fabs(low) > 0 ? fabs(low) * 0.1 : 0.5;
        low -= pad;
        high += pad;
    }
    double raw = (high - low) / TICKS, unit = pow(10, floor(log10(raw)));
    double m = raw / unit;
    struct axis a = {.step = unit * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10)};
    a.low = floor(low / a.step + 1e-9) * a.step;
    a.high = ceil(high / a.step - 1e-9) * a.step;
    a.decimals = (int)MAX(0, MIN(9, -floor(log10(a.step) + 1e-9)));
    return a;
}

static struct axis value_axis(const struct panel *p, const struct history *h)
{
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < h->n; i++)
        for (int k = 0; k < 2; k++) {
            double y = p->value(&h->row[i], k);
            if (!isfinite(y))
                continue;
            low = fmin(low, y);
            high = fmax(high, y);
        }
    if (!(low <= high))
        return make_axis(0, 1);
    double margin = (high - low) * 0.04; /* keeps the curves off the frame */
    return make_axis(fmax(low - margin, p->low), fmin(high + margin, p->high));
}

/* Epochs are whole: ends at the first and last one, a single one in the middle. */
static struct axis epoch_axis(const struct history *h)
{
    double last = h->n ? h->row[h->n - 1].epoch : 1;
    if (last < 2)
        return (struct axis){.low = 0, .high = 2, .step = 1};
    struct axis a = {.low = 1, .high = last, .step = 1};
    if (last > 11)
        a.step = fmax(1, make_axis(0, a.high).step);
    return a;
}

static double px(const struct axis *x, int left, double v)
{
    return left + (v - x->low) / (x->high - x->low) * PLOT_W;
}

static double py(const struct axis *y, double v)
{
    return PLOT_Y + PLOT_H - (v - y->low) / (y->high - y->low) * PLOT_H;
}

static void draw_axes(struct text *t, const struct panel *p, const struct axis *x,
                      const struct axis *y, int left)
{
    text_add(t, "<text x=\"%d\" y=\"%d\" font-size=\"15\" font-weight=\"600\">%s</text>\n", left,
             PLOT_Y - 14, p->title);
    int n = (int)lround((y->high - y->low) / y->step);
    for (int i = 0; i <= n; i++) {
        double v = y->low + i * y->step, at = py(y, v);
        text_add(t, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#e5e7eb\"/>\n",
                 left, at, left + PLOT_W, at);
        text_add(t, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n", left - 8, at + 4,
                 y->decimals, v);
    }
    for (double v = fmax(x->step, 1); v <= x->high; v += x->step)
        text_add(t,
                 "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#374151\"/>"
                 "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
                 px(x, left, v), PLOT_Y + PLOT_H, px(x, left, v), PLOT_Y + PLOT_H + 5,
                 px(x, left, v), PLOT_Y + PLOT_H + 20, v);
    text_add(t, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#374151\"/>\n", left, PLOT_Y,
             PLOT_Y + PLOT_H, left + PLOT_W);
    text_add(t, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">epoch</text>\n", left + PLOT_W / 2,
             PLOT_Y + PLOT_H + 42);
}

/* One line; a value that is not finite interrupts it. */
static void draw_line(struct text *t, const struct panel *p, const struct history *h, int k,
                      const struct axis *x, const struct axis *y, int left)
{
    bool on = false;
    text_add(t, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s d=\"", lines[k].color,
             lines[k].dash);
    for (int i = 0; i < h->n; i++) {
        double v = p->value(&h->row[i], k);
        if (isfinite(v))
            text_add(t, "%c%.1f %.1f", on ? 'L' : 'M', px(x, left, h->row[i].epoch), py(y, v));
        on = isfinite(v);
    }
    text_add(t, "\"/>\n");
    for (int i = 0; h->n <= MARKS && i < h->n; i++) {
        double v = p->value(&h->row[i], k);
        if (isfinite(v))
            text_add(t, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
                     px(x, left, h->row[i].epoch), py(y, v), lines[k].color);
    }
}

static void draw_legend(struct text *t, int right)
{
    for (int k = 0; k < (int)COUNT(lines); k++) {
        int x = right - 175 + 100 * k;
        text_add(
            t,
            "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"2\"%s/>"
            "<text x=\"%d\" y=\"%d\">%s</text>\n",
            x, PLOT_Y - 18, x + 28, PLOT_Y - 18, lines[k].color, lines[k].dash, x + 34, PLOT_Y - 14,
            lines[k].name);
    }
}

static void add_escaped(struct text *t, const char *s)
{
    for (; *s; s++) {
        const char *e = *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : *s == '&' ? "&amp;" : NULL;
        if (e)
            text_add(t, "%s", e);
        else
            text_add(t, "%c", *s);
    }
}

int curves_write(const char *path, const char *title, const struct history *h)
{
    struct text t = {0};
    locale_t old, c = numbers_begin(&old);
    text_add(
        &t,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\" "
        "fill=\"#111827\">\n<title>",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    add_escaped(&t, title);
    text_add(&t,
             "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n"
             "<text x=\"%d\" y=\"32\" font-size=\"18\" font-weight=\"600\">",
             WIDTH, HEIGHT, LEFT);
    add_escaped(&t, title);
    text_add(&t, "</text>\n");
    struct axis x = epoch_axis(h);
    for (int i = 0; i < (int)COUNT(panels); i++) {
        int left = LEFT + i * PANEL;
        struct axis y = value_axis(&panels[i], h);
        draw_axes(&t, &panels[i], &x, &y, left);
        for (int k = 0; k < (int)COUNT(lines); k++)
            draw_line(&t, &panels[i], h, k, &x, &y, left);
        draw_legend(&t, left + PLOT_W);
    }
    text_add(&t, "</svg>\n");
    numbers_end(c, old);
    int err = t.failed ? fail_memory() : file_replace(path, t.s, t.len, 0666);
    text_free(&t);
    return err;
}
