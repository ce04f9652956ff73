/* What was tried, as one page with pictures and nothing from elsewhere. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_tune.h"

#define WIDTH 760
#define HEIGHT 220
#define LEFT 70
#define BINS 40

/* The candidates of one problem. */
struct tried {
    json_t *rows; /* results */
    double best, worst, def;
    int good;
};

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static double ms_of(const json_t *row)
{
    return strcmp(text_of(row, "status"), "ok") == 0 ? json_number_value(json_object_get(row, "ms"))
                                                     : 0;
}

static void put_text(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (strchr("<>&\"", *s))
            fprintf(f, "&#%d;", *s);
        else
            fputc(*s, f);
    }
}

/* What this device has of it, by this driver. */
static struct tried tried_of(const struct tune_args *a, const struct ocelli_device_info *info,
                             const struct ocelli_tune_result *r)
{
    struct tried t = {.rows = json_array(), .best = DBL_MAX};
    char *text = NULL, *save = NULL;
    if (ocelli_tune_export(a->database, OCELLI_TUNE_ALL, r->problem, &text) != 0)
        return t;
    for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
        json_t *row = json_loads(s, 0, NULL);
        const bool ours = strcmp(text_of(row, "row"), "result") == 0 &&
                          strcmp(text_of(row, "device"), info->name) == 0 &&
                          strcmp(text_of(row, "driver"), info->driver) == 0;
        double ms = ours ? ms_of(row) : 0;
        if (ours)
            json_array_append(t.rows, row);
        if (ms > 0) {
            t.good++;
            t.best = fmin(t.best, ms);
            t.worst = fmax(t.worst, ms);
        }
        json_decref(row);
    }
    free(text);
    return t;
}

/* ---- Pictures ---- */

static void begin_picture(FILE *f, const char *title)
{
    fprintf(f, "<h3>%s</h3><svg viewBox=\"0 0 %d %d\" width=\"%d\">", title, WIDTH, HEIGHT + 40,
            WIDTH);
    fprintf(f, "<path class=\"axis\" d=\"M%d 10V%dH%d\"/>", LEFT, HEIGHT, WIDTH - 10);
}

static double x_of(double share)
{
    return LEFT + share * (WIDTH - 10 - LEFT);
}

/* How many candidates take how long, by the logarithm of the time. */
static void distribution(FILE *f, const struct tried *t, const struct ocelli_tune_result *r)
{
    int bin[BINS] = {0}, most = 1;
    double range = log(t->worst / t->best) + 1e-9;
    json_t *row;
    size_t i;
    json_array_foreach(t->rows, i, row)
    {
        double ms = ms_of(row);
        int b = ms > 0 ? (int)(BINS * log(ms / t->best) / range) : -1;
        b = b >= BINS ? BINS - 1 : b;
        if (b >= 0 && ++bin[b] > most)
            most = bin[b];
    }
    begin_picture(f, "Candidates by time");
    for (int b = 0; b < BINS; b++)
        fprintf(f, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                x_of((double)b / BINS), HEIGHT - 200.0 * bin[b] / most,
                x_of(1.0 / BINS) - x_of(0) - 1, 200.0 * bin[b] / most);
    const struct {
        const char *name, *colour;
        double ms;
    } marks[] = {{"default", "default", r->default_ms}, {"best", "best", r->best_ms}};
    for (int k = 0; k < 2; k++) {
        double at = x_of(fmin(fmax(log(marks[k].ms / t->best) / range, 0), 1));
        fprintf(f,
                "<path class=\"%s\" d=\"M%.1f 10V%d\"/><text x=\"%.1f\" y=\"%d\">%s %.4g ms</text>",
                marks[k].colour, at, HEIGHT, at + 3, 20 + 14 * k, marks[k].name, marks[k].ms);
    }
    fprintf(f,
            "<text x=\"%d\" y=\"%d\">%.4g ms</text><text x=\"%d\" y=\"%d\" "
            "text-anchor=\"end\">%.4g ms</text></svg>",
            LEFT, HEIGHT + 16, t->best, WIDTH - 10, HEIGHT + 16, t->worst);
}

/* The word "NAME=.." of a setting; NULL: there is none. */
static const char *word_of(const char *setting, const char *name)
{
    for (const char *s = setting; *s; s += strcspn(s, " "), s += strspn(s, " "))
        if (strncmp(s, name, strlen(name)) == 0)
            return s;
    return NULL;
}

/* How much of the spread of the times' logarithms a parameter ("NAME=") explains alone, among the
 * candidates of one variant. */
static double importance(const struct tried *t, const char *variant, const char *name)
{
    json_t *sum = json_object(), *row, *v;
    double all = 0, squares = 0, between = 0;
    int count = 0;
    const char *key;
    size_t i;
    json_array_foreach(t->rows, i, row)
    {
        double ms = ms_of(row), y = log(fmax(ms, 1e-12));
        const char *at = word_of(text_of(row, "setting"), name);
        char word[96];
        if (ms <= 0 || !at || strcmp(text_of(row, "variant"), variant) != 0)
            continue;
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, " "), at);
        v = json_object_get(sum, word);
        if (!v)
            json_object_set_new(sum, word, v = json_pack("[f,i]", 0.0, 0));
        json_array_set_new(v, 0, json_real(json_number_value(json_array_get(v, 0)) + y));
        json_array_set_new(v, 1, json_integer(json_integer_value(json_array_get(v, 1)) + 1));
        all += y;
        squares += y * y;
        count++;
    }
    json_object_foreach(sum, key, v)
    {
        double s = json_number_value(json_array_get(v, 0)),
               n = json_number_value(json_array_get(v, 1));
        between += s * s / n;
    }
    json_decref(sum);
    double mean = count ? all * all / count : 0, total = squares - mean;
    return total > 1e-12 ? (between - mean) / total : 0;
}

static void parameters(FILE *f, const struct tried *t, const struct ocelli_tune_result *r)
{
    const char *s = r->setting;
    int line = 0;
    begin_picture(f, "Importance: share of the times' spread that each parameter explains alone");
    while (*s && line < 12) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s=", (int)strcspn(s, "= "), s);
        double share = importance(t, r->variant, name);
        fprintf(f,
                "<rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"12\"/><text "
                "x=\"%d\" y=\"%d\" "
                "text-anchor=\"end\">%.*s</text><text x=\"%.1f\" y=\"%d\">%.0f %%</text>",
                LEFT, 14 + 17 * line, x_of(0.9 * share) - LEFT, LEFT - 4, 24 + 17 * line,
                (int)strlen(name) - 1, name, x_of(0.9 * share) + 4, 24 + 17 * line, 100 * share);
        s += strcspn(s, " ");
        s += strspn(s, " ");
        line++;
    }
    fprintf(f, "</svg>");
}

static void rejections(FILE *f, const struct tried *t)
{
    json_t *counts = json_object(), *why = json_object(), *row;
    const char *key;
    size_t i;
    json_array_foreach(t->rows, i, row)
    {
        const char *s = text_of(row, "status");
        json_object_set_new(counts, s,
                            json_integer(json_integer_value(json_object_get(counts, s)) + 1));
        json_object_set_new(why, s, json_string(text_of(row, "why")));
    }
    fprintf(f, "<h3>What became of them</h3><table><tr><th>status</th><th>candidates</th><th>the "
               "last one's reason</th></tr>");
    json_object_foreach(counts, key, row)
    {
        fprintf(f, "<tr><td>%s</td><td>%lld</td><td>", key, (long long)json_integer_value(row));
        put_text(f, text_of(why, key));
        fprintf(f, "</td></tr>");
    }
    fprintf(f, "</table>");
    json_decref(counts);
    json_decref(why);
}

static void section(FILE *f, const struct tune_args *a, const struct ocelli_device_info *info,
                    const struct ocelli_tune_result *r, const struct tune_trace *trace, int index)
{
    struct tried t = tried_of(a, info, r);
    fprintf(f, "<h2>");
    put_text(f, r->problem);
    fprintf(
        f,
        "</h2><p>%d candidates tried, %d rejected. Default %.4g ms, best %.4g ms (%.2fx): <code>",
        r->tried, r->rejected, r->default_ms, r->best_ms,
        r->best_ms > 0 ? r->default_ms / r->best_ms : 1);
    put_text(f, r->variant);
    fputc(' ', f);
    put_text(f, r->setting);
    fprintf(f, "</code></p>");
    tune_curves(f, trace, index);
    if (t.good > 1) {
        distribution(f, &t, r);
        parameters(f, &t, r);
    }
    rejections(f, &t);
    json_decref(t.rows);
}

int tune_report_page(const struct tune_args *a, struct ocelli_device *dev,
                     const struct ocelli_tune_result *r, int n, const struct tune_trace *trace)
{
    const struct ocelli_device_info *info = ocelli_device_get_info(dev);
    FILE *f = fopen(a->report, "we");
    if (!f)
        return cli_error("--report %s: %s", a->report, strerror(errno));
    fprintf(
        f,
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>ocelli tune</title><style>"
        "body{font:15px sans-serif;max-width:800px;margin:2em auto;padding:0 1em}h2{font-size:1em;"
        "border-top:1px solid "
        "#999;padding-top:1em}h3{font-size:.95em}svg{max-width:100%%;height:auto}"
        "text{font-size:11px;fill:#333}.axis{stroke:#333;fill:none}.bar{fill:#4a7fb5}"
        ".default{stroke:#c60;stroke-width:2}.best{stroke:#080;stroke-width:2}.grid{stroke:#ddd}"
        ".stairs{stroke:#080;stroke-width:2;fill:none}.try{fill:#4a7fb5}.no{stroke:#c33;fill:none}"
        "td,th{text-align:left;"
        "padding:.1em 1em .1em 0;vertical-align:top}</style><h1>ocelli tune</h1><p>");
    put_text(f, info->name);
    fprintf(f, ", driver ");
    put_text(f, info->driver);
    fprintf(f, "</p>");
    if (n > 1)
        tune_curve_of_all(f, trace);
    for (int i = 0; i < n; i++)
        section(f, a, info, &r[i], trace, i);
    fprintf(f, "</html>\n");
    bool ok = !ferror(f);
    ok = fclose(f) == 0 && ok;
    return ok ? EXIT_DONE : cli_error("--report %s: %s", a->report, strerror(errno));
}
