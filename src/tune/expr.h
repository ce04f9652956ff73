/* Whole-number expressions of a specification: "M * N / WPT", "TS % 4 == 0 and TS * TS <= 256". C's
 * operators and precedence, with `and`, `or`, `not` and // as Python spells them (/ divides whole
 * numbers too), and the functions ceil_div(a, b), round_up(a, b), min(a, b), max(a, b). Anything
 * out of 63 bits is an error. */
#ifndef TUNE_EXPR_H
#define TUNE_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a name; false: there is none. */
typedef bool (*expr_lookup)(void *user, const char *name, int64_t *out);
/* Fails: INVALID with words. */
int expr_eval(const char *text, expr_lookup lookup, void *user, int64_t *out);

#endif
