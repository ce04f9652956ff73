/* Specifications in T1, the auto-tuning community's input format. */
#ifndef TUNE_T1_H
#define TUNE_T1_H

#include <jansson.h>

/* *out: the same as a specification of our own (kernel.h). Fails: FORMAT for what that cannot say.
 */
int t1_convert(const json_t *t1, json_t **out);

#endif
