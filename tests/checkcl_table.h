/* The generated table of oracles. */
#ifndef TESTS_CHECKCL_TABLE_H
#define TESTS_CHECKCL_TABLE_H

#include "checkcl.h"

struct oracle_entry {
    const char *op;
    const struct oracle *oracle;
};
extern const struct oracle_entry oracle_table[]; /* ends with {0} */

#endif
