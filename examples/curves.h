/* Curves over steps as one SVG file that needs nothing else. */
#ifndef CURVES_H
#define CURVES_H

#include <math.h>
#include <stdio.h>

#include <ocelli/ocelli.h>

struct curve {
    char name[40];
    const float *value; /* one a step */
};

/* The mean of the values around step i: single batches are noisy. */
static inline double curve_at(const struct curve *c, int i, int steps)
{
    int reach = steps / 40, low = i > reach ? i - reach : 0;
    int high = i + reach < steps ? i + reach : steps - 1;
    double sum = 0;
    for (int k = low; k <= high; k++)
        sum += (double)c->value[k];
    return sum / (high - low + 1);
}

/* Colours go by pairs, the second of a pair is drawn thicker. */
static inline int curves_write(const char *path, const struct curve *c, int n, int steps)
{
    enum { W = 720, H = 420, LEFT = 60, TOP = 20, RIGHT = 180, BOTTOM = 50, POINTS = 400 };
    static const char *const colour[] = {"#c2410c", "#1d4ed8"};
    const double plot_w = W - LEFT - RIGHT, plot_h = H - TOP - BOTTOM;
    double top = 0;
    FILE *f = fopen(path, "w");
    if (!f)
        return OCELLI_ERR_IO;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < steps; i++)
            top = fmax(top, curve_at(&c[k], i, steps));
    top = fmin(ceil(top * 2) / 2, 4);
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%%\" height=\"100%%\" "
            "fill=\"white\"/>\n",
            W, H);
    for (int i = 0; i <= 4; i++) {
        double y = TOP + plot_h * (4 - i) / 4;
        fprintf(f, "<path d=\"M%d %.1fh%.0f\" stroke=\"#ddd\"/>", LEFT, y, plot_w);
        fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.2f</text>\n", LEFT - 8, y + 4,
                top * i / 4);
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n",
                LEFT + plot_w * i / 4, H - BOTTOM + 18, steps * i / 4);
    }
    fprintf(f, "<text x=\"%.0f\" y=\"%d\" text-anchor=\"middle\">step</text>\n", LEFT + plot_w / 2,
            H - 12);
    for (int k = 0; k < n; k++) {
        fprintf(f, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" d=\"", colour[k % 2],
                k < n / 2 ? "1" : "2.5");
        for (int i = 0; i<steps; i += steps> POINTS ? steps / POINTS : 1)
            fprintf(f, "%s%.1f %.1f", i ? "L" : "M", LEFT + plot_w * i / steps,
                    TOP + plot_h * (1 - fmin(curve_at(&c[k], i, steps) / top, 1)));
        fprintf(f, "\"/>\n<text x=\"%.0f\" y=\"%d\" fill=\"%s\"%s>%s</text>\n", LEFT + plot_w + 12,
                TOP + 20 + 20 * k, colour[k % 2], k < n / 2 ? "" : " font-weight=\"bold\"",
                c[k].name);
    }
    fprintf(f, "</svg>\n");
    return fclose(f) ? OCELLI_ERR_IO : 0;
}

#endif
