/* What is searched: a few parameters with the values of each, of which some combinations are none.
 */
#ifndef TUNE_SPACE_H
#define TUNE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/op.h"

#define SPACE_PARAMS 16
#define SPACE_POINTS (1 << 18) /* a larger space is sampled, not listed */

struct space {
    int n;
    struct {
        const char *name;
        const int *values;
        int n;
    } param[SPACE_PARAMS];
    /* tv: the values themselves. */
    bool (*valid)(void *user, const int *tv);
    void *user;
};

/* Of a variant's tunables, for one problem. `hold` keeps what valid() needs. */
struct space_hold {
    const struct problem *p;
    const struct caps *caps;
    const struct variant *v;
};
void space_of_variant(struct space *s, struct space_hold *hold);

/* Points are places in the lists of values. */
void space_values(const struct space *s, const int *point, int *tv);
bool space_point(const struct space *s, const int *tv, int *point);
bool space_valid(const struct space *s, const int *point);
double space_size(const struct space *s); /* invalid ones counted */
/* A number for each point, in order; space_size() must be below 2^62. */
uint64_t space_rank(const struct space *s, const int *point);
void space_unrank(const struct space *s, uint64_t rank, int *point);

#endif
