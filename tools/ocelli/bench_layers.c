/* ocelli bench --layers: each launch, and each kind of launch, beside what the device does at best.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define LAYER_RUNS 11 /* profiled ones, for the table */
#define NAME_LEN 64

/* Launches of one operation and variant, added up. */
struct kind {
    char name[NAME_LEN];
    int launches;
    double ms, flops, bytes;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int slowest_first(const void *a, const void *b)
{
    double x = ((const struct kind *)a)->ms, y = ((const struct kind *)b)->ms;

    return (x < y) - (x > y);
}

double bench_quantile(double *t, int n, double fraction)
{
    qsort(t, (size_t)n, sizeof(*t), by_value);
    return t[(int)(fraction * (n - 1) + 0.5)];
}

double bench_giga(double work, double ms)
{
    return ms > 0 ? work / ms * 1e-6 : 0;
}

int bench_run(struct ocelli_plan *plan, struct ocelli_device *dev)
{
    int err = ocelli_plan_run(plan);

    return err ? err : ocelli_device_finish(dev);
}

int bench_layers(struct ocelli_plan *plan, struct ocelli_device *dev, double **ms)
{
    int n = ocelli_plan_steps(plan), err = 0;
    double *t = calloc((size_t)n * LAYER_RUNS + 1, sizeof(*t));

    *ms = calloc((size_t)n + 1, sizeof(**ms));
    if (!t || !*ms)
        err = OCELLI_ERR_MEMORY;
    for (int r = 0; err == 0 && r < LAYER_RUNS; r++) {
        err = bench_run(plan, dev);
        for (int i = 0; err == 0 && i < n; i++) {
            struct ocelli_step s;

            err = ocelli_plan_step(plan, i, &s);
            t[i * LAYER_RUNS + r] = s.ms;
        }
    }
    for (int i = 0; err == 0 && i < n; i++)
        (*ms)[i] = bench_quantile(t + i * LAYER_RUNS, LAYER_RUNS, 0.5);
    free(t);
    return err;
}

/* How near work comes to what the device does at best, by arithmetic or by memory, whichever is
 * nearer. Above 1: its data are in a cache, or it needs fewer operations than are counted
 * (Winograd's are counted as the direct form's). */
static double of_peak(double flops, double bytes, double ms, const struct ocelli_device_peak *peak)
{
    double f = peak->gflops > 0 ? bench_giga(flops, ms) / peak->gflops : 0;
    double b = peak->gbs > 0 ? bench_giga(bytes, ms) / peak->gbs : 0;

    return f > b ? f : b;
}

static void add_to(struct kind *kinds, int *n, const char *name, const struct ocelli_step *s,
                   double ms)
{
    int i = 0;

    while (i < *n && strcmp(kinds[i].name, name) != 0)
        i++;
    if (i == *n) {
        snprintf(kinds[i].name, sizeof(kinds[i].name), "%s", name);
        ++*n;
    }
    kinds[i].launches++;
    kinds[i].ms += ms;
    kinds[i].flops += s->flops;
    kinds[i].bytes += s->bytes;
}

static void show_kinds(const struct cli *cli, struct kind *kinds, int n, double sum,
                       const struct ocelli_device_peak *peak, json_t *list)
{
    qsort(kinds, (size_t)n, sizeof(*kinds), slowest_first);
    if (!cli->json)
        out("\n%-14s %-28s %9s %9s %8s %7s %6s\n", "launches", "operation", "ms", "GFLOP/s", "GB/s",
            "of peak", "share");
    for (int i = 0; i < n; i++) {
        const struct kind *k = &kinds[i];
        double gflops = bench_giga(k->flops, k->ms), gbs = bench_giga(k->bytes, k->ms);
        double near = of_peak(k->flops, k->bytes, k->ms, peak), share = sum > 0 ? k->ms / sum : 0;

        if (cli->json)
            json_array_append_new(list, json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o}", "kind",
                                                  k->name, "launches", k->launches, "ms",
                                                  json_number(k->ms), "gflops", json_number(gflops),
                                                  "gbs", json_number(gbs), "of_peak",
                                                  json_number(near), "share", json_number(share)));
        else
            out("%-14d %-28s %9.4f %9.2f %8.2f %5.0f %% %4.0f %%\n", k->launches, k->name, k->ms,
                gflops, gbs, 100 * near, 100 * share);
    }
}

static void show_layer(const struct cli *cli, const struct ocelli_step *s, const char *name,
                       double ms, double share, const struct ocelli_device_peak *peak, json_t *list)
{
    double gflops = bench_giga(s->flops, ms), gbs = bench_giga(s->bytes, ms);
    double near = of_peak(s->flops, s->bytes, ms, peak);

    if (cli->json)
        json_array_append_new(
            list, json_pack("{s:s?, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "layer", s->layer,
                            "op", s->op, "variant", s->variant, "kernel", s->kernel, "ms",
                            json_number(ms), "gflops", json_number(gflops), "gbs", json_number(gbs),
                            "of_peak", json_number(near), "share", json_number(share)));
    else
        out("%-14s %-28s %9.4f %9.2f %8.2f %5.0f %% %4.0f %%\n", s->layer ? s->layer : "", name, ms,
            gflops, gbs, 100 * near, 100 * share);
}

int bench_show_layers(const struct cli *cli, struct ocelli_plan *plan, struct ocelli_device *dev,
                      const double *ms, json_t *layers, json_t *kinds)
{
    int n = ocelli_plan_steps(plan), found = 0, err = 0;
    struct kind *kind = calloc((size_t)n + 1, sizeof(*kind));
    struct ocelli_device_peak peak;
    double sum = 0;

    if (!kind)
        return OCELLI_ERR_MEMORY;
    (void)ocelli_device_get_peak(dev, true, &peak); /* unknown is no reason to fail */
    if (!cli->json)
        out("\nof peak: of %.0f GFLOP/s or %.1f GB/s, measured; Winograd's operations are counted "
            "as the direct form's\n\n%-14s %-28s %9s %9s %8s %7s %6s\n",
            peak.gflops, peak.gbs, "layer", "operation", "ms", "GFLOP/s", "GB/s", "of peak",
            "share");
    for (int i = 0; i < n; i++)
        sum += ms[i];
    for (int i = 0; i < n; i++) {
        struct ocelli_step s;
        char name[NAME_LEN];

        if ((err = ocelli_plan_step(plan, i, &s)) != 0)
            break;
        if (s.once)
            continue;
        snprintf(name, sizeof(name), "%s/%s", s.op, s.variant);
        show_layer(cli, &s, name, ms[i], sum > 0 ? ms[i] / sum : 0, &peak, layers);
        add_to(kind, &found, name, &s, ms[i]);
    }
    if (err == 0)
        show_kinds(cli, kind, found, sum, &peak, kinds);
    free(kind);
    return err;
}
