/* What the files of `ocelli tune` share. */
#ifndef CMD_TUNE_H
#define CMD_TUNE_H

#include <stdio.h>

#include "cli.h"

struct tune_args {
    float budget, fraction, timeout;
    int candidates, repeats, batch, jobs;
    bool resume, afresh, busy, train, list, all, t4;
    const char *strategy, *values, *database, *kernel, *spec, *report, *record, *simulate, *from;
};

int tune_db(struct cli *cli, const struct tune_args *a);
int tune_simulate(const struct cli *cli, const struct tune_args *a);
/* A network with the defaults and with what is in the database, turn about. */
struct tune_network {
    double before, after; /* ms, of processor time with --busy; 0: not compared */
    double ratio, noise;  /* after : before */
    bool slower;          /* by more than the noise.. */
    int reverted;         /* ..so that many winners were taken back */
};
int tune_compare(const struct cli *cli, struct ocelli_device *dev, const struct ocelli_graph *g,
                 const struct tune_args *a, struct tune_network *out);

/* What the listener was told, for the pictures of --report (tune_curve.c). */
struct tune_trace {
    struct tune_moment *moment;
    int n, cap;
};
void tune_trace_add(struct tune_trace *t, const struct ocelli_tune_progress *p);
void tune_trace_free(struct tune_trace *t);
/* SVG: how the best of one problem, or of all, came down. Nothing where nothing was tried. */
void tune_curves(FILE *f, const struct tune_trace *t, int problem);
void tune_curve_of_all(FILE *f, const struct tune_trace *t);

/* FILE.html of --report. */
int tune_report_page(const struct tune_args *a, struct ocelli_device *dev,
                     const struct ocelli_tune_result *r, int n, const struct tune_trace *trace);

#endif
