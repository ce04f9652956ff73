/* What attr.c and problem.c share. */
#ifndef OPS_PROBLEM_H
#define OPS_PROBLEM_H

#include "ops/op.h"

/* " key=value" for every attribute that differs from its default. */
void attr_print(const struct op *op, const void *attr, struct text *out);
/* Sets one attribute from its text; INVALID with words when there is none of that name or the text
 * does not fit it. Ranges are attr_defaults()'s business. */
int attr_parse(const struct op *op, void *attr, const char *key, const char *value);

/* A list of numbers "1,2.5": at most `max` into v; how many, or -1 when the text is none. */
int parse_numbers(const char *s, double *v, int max);

#endif
