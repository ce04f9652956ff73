/* Compiling what comes next: processes that put candidates' programs into the disk cache of
 * compiled kernels, from where the worker takes them. A candidate that crashes the compiler costs
 * one of them here, and its verdict is the worker's business. */
#ifndef MEASURE_AHEAD_H
#define MEASURE_AHEAD_H

#include "measure/runner.h"

#define AHEAD_COMPILERS 4

struct ahead;
/* Starts no process yet. */
int ahead_create(struct ahead **out, const struct runner_params *p, int compilers);
void ahead_destroy(struct ahead **a);
void ahead_use(struct ahead *a, const char *problem, const char *spec);
void ahead_end(struct ahead *a, double end); /* as runner_end() */
int ahead_compilers(const struct ahead *a);
/* Asks for a candidate; what to wait for. It comes to nothing where there is no cache. */
int64_t ahead_ask(struct ahead *a, const struct candidate *k);
void ahead_wait(struct ahead *a, int64_t ticket);

#endif
