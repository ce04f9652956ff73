/* What `ocelli bench` measures: whole runs (cmd_bench.c) and each launch of one (bench_layers.c).
 */
#ifndef OCELLI_TOOL_BENCH_H
#define OCELLI_TOOL_BENCH_H

#include "cli.h"

/* One run, from the call to the end of the work. */
int bench_run(struct ocelli_plan *plan, struct ocelli_device *dev);

/* Sorts n times, n above 0; the fraction's nearest rank of them. */
double bench_quantile(double *t, int n, double fraction);

/* Work a second in units of 1e9; 0 where there is no time. */
double bench_giga(double work, double ms);

/* Each launch's time on the device in ms, the median of a few runs: one a step, for the caller to
 * free, also after an error. The device keeps times (OCELLI_DEVICE_PROFILE). */
int bench_layers(struct ocelli_plan *plan, struct ocelli_device *dev, double **ms);

/* A row for every launch, then one for each kind of launch: printed, or with --json appended to
 * layers and kinds. */
int bench_show_layers(const struct cli *cli, struct ocelli_plan *plan, struct ocelli_device *dev,
                      const double *ms, json_t *layers, json_t *kinds);

#endif
