/* The other end of a worker: a process that compiles and runs candidates, so that one that hangs,
 * crashes or takes the device with it costs no more than itself. Requests and replies are a line of
 * JSON each:
 *
 *     {"do":"open","device":"0","problem":"gemm a=.."} or {..,"spec":"{..}"}   {"cases":7}
 *     {"do":"check","variant":"block","setting":"MR=4 .."} {"status":"ok","why":"","error":0.1}
 *     {"do":"race","a":["block","MR=4"],"b":[..],"rounds":5,"seconds":0.01,"limit":3.0,"busy":false}
 *                                       {"status":"ok","why":"","a_ms":..,"b_ms":..,"ratio":..,"spread":..}
 *
 *     {"do":"prepare","variant":"block","setting":"MR=4 .."} {"status":"ok"}
 *
 * and {"stage":"compile"}, "run" or "reference" before a reply, at which the clock of the time-out
 * starts anew. */
#ifndef MEASURE_RUNNER_H
#define MEASURE_RUNNER_H

#include "measure/judge.h"

struct runner_params {
    const char *program;     /* run as PROGRAM tune-worker */
    const char *device;      /* as in ocelli_device_params */
    double compile_s, run_s; /* time-outs */
    /* Asked ten times a second while a reply is waited for; false: give up what is in work. NULL:
     * never. */
    bool (*go_on)(void *user);
    void *user;
};

struct runner;
/* Starts no process yet. The texts must outlive it. */
int runner_create(struct runner **out, const struct runner_params *p);
void runner_destroy(struct runner **r);
/* What candidates are of from now on: a problem, or a kernel's specification (the other NULL; texts
 * borrowed). */
void runner_use(struct runner *r, const char *problem, const char *spec);
/* Gives up what is in work at that time, by clock_seconds(); 0: does not. */
void runner_end(struct runner *r, double end);
/* As the judge's, with STATUS_HANG, STATUS_CRASH and STATUS_STOPPED besides; fails only when no
 * worker can be had at all, or the problem is none. */
int runner_check(struct runner *r, const struct candidate *k, struct verdict *out);
/* Asks for a candidate's programs to be compiled and kept on disk, and does not wait. False: it
 * cannot be asked, or nothing is kept on disk there. */
bool runner_prepare(struct runner *r, const struct candidate *k);
/* Waits for the answer to one of these; false: the worker is gone. */
bool runner_hear(struct runner *r);
int runner_race(struct runner *r, const struct candidate *a, const struct candidate *b,
                const struct race_params *p, struct race *out);

#endif
