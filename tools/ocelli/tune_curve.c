/* How a run of ocelli tune went: what the listener was told, and pictures of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd_tune.h"

#define WIDTH 760
#define HEIGHT 200
#define LEFT 80
#define RIGHT (WIDTH - 90) /* the default's name stands behind it */
#define TOP 10
#define HIGHEST 2.0 /* of the default's time: what takes longer lies on the upper edge */

struct tune_moment {
    int problem, tried;
    double seconds, ms, best_ms, default_ms; /* ms 0: rejected */
    double all_ms;                           /* of all problems, with what was found so far */
};

void tune_trace_add(struct tune_trace *t, const struct ocelli_tune_progress *p)
{
    const int n = t->n;
    if (p->default_ms <= 0 ||
        (n > 0 && t->moment[n - 1].problem == p->index && t->moment[n - 1].tried == p->tried))
        return; /* nothing new: a candidate is in work */
    if (n == t->cap) {
        const int cap = t->cap ? 2 * t->cap : 256;
        void *more = realloc(t->moment, (size_t)cap * sizeof(*t->moment));
        if (!more)
            return; /* a picture with less in it */
        t->moment = more;
        t->cap = cap;
    }
    t->moment[t->n++] = (struct tune_moment){.problem = p->index,
                                             .tried = p->tried,
                                             .seconds = p->spent,
                                             .ms = p->candidate_ms,
                                             .best_ms = p->best_ms,
                                             .default_ms = p->default_ms,
                                             .all_ms = p->total_ms - p->saved_ms};
}

void tune_trace_free(struct tune_trace *t)
{
    free(t->moment);
    *t = (struct tune_trace){0};
}

/* ---- Pictures ---- */

struct curve {
    FILE *f;
    double low, high;   /* of the times */
    double first, last; /* of the evaluations, or seconds */
};

static double x_at(const struct curve *c, double v)
{
    return LEFT + (RIGHT - LEFT) * (c->last > c->first ? (v - c->first) / (c->last - c->first) : 0);
}

static double y_at(const struct curve *c, double ms)
{
    const double share = (fmin(ms, c->high) - c->low) / (c->high - c->low);
    return HEIGHT - (HEIGHT - TOP) * fmax(share, 0);
}

static void frame(const struct curve *c, const char *title, const char *unit)
{
    fprintf(c->f,
            "<h3>%s</h3><svg viewBox=\"0 0 %d %d\" width=\"%d\"><path class=\"axis\" "
            "d=\"M%d %dV%dH%d\"/>",
            title, WIDTH, HEIGHT + 40, WIDTH, LEFT, TOP, HEIGHT, RIGHT);
    for (int i = 0; i <= 4; i++) {
        const double ms = c->low + (c->high - c->low) * i / 4;
        const double at = c->first + (c->last - c->first) * i / 4;
        fprintf(c->f,
                "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%.3g ms</text><text x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"middle\">%.4g%s</text>",
                LEFT, y_at(c, ms), RIGHT, LEFT - 5, y_at(c, ms) + 4, ms, x_at(c, at), HEIGHT + 16,
                at, i == 4 ? unit : "");
    }
}

static void level(const struct curve *c, const char *name, double ms)
{
    fprintf(c->f,
            "<path class=\"%s\" stroke-dasharray=\"6 4\" d=\"M%d %.1fH%d\"/><text x=\"%d\" "
            "y=\"%.1f\">%s</text>",
            name, LEFT, y_at(c, ms), RIGHT, RIGHT + 4, y_at(c, ms) + 4, name);
}

static double when(const struct tune_moment *m, int number, bool by_seconds)
{
    return by_seconds ? m->seconds : number;
}

/* Candidates as dots (rejected ones as crosses below), the best so far as stairs. */
static void one_problem(FILE *f, const struct tune_trace *t, int problem, bool by_seconds)
{
    struct curve c = {.f = f, .low = INFINITY};
    double def = 0, last_best = 0;
    int n = 0;
    for (int i = 0; i < t->n; i++) {
        const struct tune_moment *m = &t->moment[i];
        if (m->problem != problem)
            continue;
        c.first = n ? c.first : when(m, 1, by_seconds);
        c.last = when(m, ++n, by_seconds);
        c.low = fmin(c.low, 0.9 * m->best_ms);
        def = m->default_ms;
    }
    if (n < 2)
        return;
    c.high = HIGHEST * def;
    frame(&c, by_seconds ? "Best so far, by seconds" : "Best so far, by evaluations",
          by_seconds ? " s" : "");
    level(&c, "default", def);
    n = 0;
    for (int i = 0; i < t->n; i++) {
        const struct tune_moment *m = &t->moment[i];
        if (m->problem != problem)
            continue;
        const double x = x_at(&c, when(m, ++n, by_seconds));
        if (m->ms > 0)
            fprintf(f, "<circle class=\"try\" cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>", x,
                    y_at(&c, m->ms));
        else if (n > 1)
            fprintf(f, "<path class=\"no\" d=\"M%.1f %dl4 4m0 -4l-4 4\"/>", x - 2, HEIGHT + 20);
    }
    n = 0;
    fprintf(f, "<path class=\"stairs\" d=\"");
    for (int i = 0; i < t->n; i++) {
        const struct tune_moment *m = &t->moment[i];
        if (m->problem != problem)
            continue;
        last_best = m->best_ms;
        fprintf(f, n ? "H%.1fV%.1f" : "M%.1f %.1f", x_at(&c, when(m, n + 1, by_seconds)),
                y_at(&c, m->best_ms));
        n++;
    }
    fprintf(f, "\"/><text x=\"%d\" y=\"%.1f\">%.4g ms</text></svg>", RIGHT + 4,
            y_at(&c, last_best) + 4, last_best);
}

void tune_curves(FILE *f, const struct tune_trace *t, int problem)
{
    one_problem(f, t, problem, false);
    one_problem(f, t, problem, true);
}

/* All problems together, each as often as the network has it. It grows while defaults are timed one
 * after another, and is only then a network's time. */
void tune_curve_of_all(FILE *f, const struct tune_trace *t)
{
    struct curve c = {.f = f};
    int begin = 0;
    double before = 0;
    for (int i = 0; i < t->n; i++)
        if (t->moment[i].all_ms > before) {
            before = t->moment[i].all_ms;
            begin = i;
        }
    if (t->n - begin < 2)
        return;
    c.first = t->moment[begin].seconds;
    c.last = t->moment[t->n - 1].seconds;
    c.low = 0.95 * t->moment[t->n - 1].all_ms;
    c.high = 1.05 * before;
    frame(&c, "All problems, with the best so far of each, by seconds", " s");
    level(&c, "default", before);
    fprintf(f, "<path class=\"stairs\" d=\"");
    for (int i = begin; i < t->n; i++)
        fprintf(f, i > begin ? "H%.1fV%.1f" : "M%.1f %.1f", x_at(&c, t->moment[i].seconds),
                y_at(&c, t->moment[i].all_ms));
    fprintf(f, "\"/></svg>");
}
