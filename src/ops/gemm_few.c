/* Matrix products on CPUs that are bound by memory: each reads or writes its one large matrix once.
 */
#include "ops/gemm.h"
#include "ops/shared.h"

/* Bytes of the small operand or of the sums, that a work-item keeps in half of the first-level
 * cache. */
#define KEPT 16384

/* a's strides from one row of op(a) to the next, and from one column. */
static void launch_a_strides(struct launch *k, const struct gemm *g)
{
    launch_int(k, "a_row", g->trans_a ? 1 : (int)g->k);
    launch_int(k, "a_col", g->trans_a ? (int)g->m : 1);
}

/* ---- dot ---- */

enum { DOT_MR, DOT_NR, DOT_KC };
#define KC_ALL (1 << 30)
const struct tunable gemm_dot_tunables[] = {
    {"MR", (const int[]){1, 2, 3, 4, 5, 6, 7, 8, 0}},
    {"NR", (const int[]){1, 2, 3, 4, 5, 6, 8, 0}},
    {"KC", (const int[]){KC_ALL, 1024, 512, 256, 0}},
    {0},
};

bool gemm_dot_applicable(const struct problem *p, const struct caps *caps)
{
    const struct gemm g = gemm_of(p);
    return caps->cpu_style && g.trans_b && (!g.trans_a || g.m == 1) && g.m <= GEMM_FEW;
}

/* Sums that leave registers for a row of a and NR columns. */
static int max_sums(const struct caps *caps)
{
    return caps->vector_width == 16 ? 25 : 12;
}

/* Even tiles of rows; as many columns as registers allow, for each step loads a row once for all.
 */
void gemm_dot_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    static const int columns[] = {[1] = 8, 8, 8, 6, 5, 4, 3, 3};
    const struct gemm g = gemm_of(p);
    const int most = caps->vector_width == 16 ? 8 : 4;
    const int tiles = (int)div_up((size_t)g.m, (size_t)most);
    const int mr = (int)div_up((size_t)g.m, (size_t)tiles);
    tv[DOT_MR] = mr;
    tv[DOT_NR] = columns[mr];
    while (mr * tv[DOT_NR] > max_sums(caps))
        tv[DOT_NR]--;
    tv[DOT_NR] -= tv[DOT_NR] == 7;
    tv[DOT_KC] = g.m <= 2 || g.k <= 1024 ? KC_ALL : g.m <= 4 ? 1024 : g.m <= 8 ? 512 : 256;
}

bool gemm_dot_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    return tv[DOT_MR] <= gemm_of(p).m && tv[DOT_MR] * tv[DOT_NR] <= max_sums(caps);
}

int gemm_dot_plan(const struct problem *p, const struct caps *caps, const int *tv,
                  struct launches *l)
{
    const struct gemm g = gemm_of(p);
    const int nr = tv[DOT_NR];
    const bool pieces = tv[DOT_KC] < KC_ALL;
    /* 16,384 elements of b take about 2 us; a copy of a's piece has to serve many columns. */
    const int block = pieces ? 16 * nr : nr;
    const int64_t cols = block * MAX(16384 / g.k / block, 1);
    struct launch *k = launch_add(l, "gemm_dot", "gemm_dot");
    launch_define(k, "VW=%d", caps->vector_width);
    launch_define(k, "ROWS=%d", (int)g.m);
    launch_define(k, "MR=%d", tv[DOT_MR]);
    launch_define(k, "NR=%d", nr);
    launch_define(k, "BLOCK=%d", block);
    launch_define(k, "COLS=%d", (int)cols);
    if (pieces)
        launch_define(k, "KC=%d", tv[DOT_KC]);
    launch_out(k, "y", 0);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    launch_int(k, "n", (int)g.n);
    launch_int(k, "k", (int)g.k);
    launch_epilogue(k, p);
    launch_grid1(k, div_up((size_t)g.n, (size_t)cols), 1);
    return l->err;
}

/* ---- rows ---- */

enum { ROWS_KR, ROWS_COLS };
const struct tunable gemm_rows_tunables[] = {
    {"KR", (const int[]){8, 4, 0}},
    {"COLS", (const int[]){64, 128, 256, 512, 1024, 0}},
    {0},
};

bool gemm_rows_applicable(const struct problem *p, const struct caps *caps)
{
    const struct gemm g = gemm_of(p);
    return caps->cpu_style && !g.trans_b && g.m <= GEMM_FEW && g.n >= 64 && g.k * g.n >= GEMM_LARGE;
}

/* Streams as long as the cache allows, but work for all cores. */
void gemm_rows_defaults(const struct problem *p, const struct caps *caps, int *tv)
{
    const struct gemm g = gemm_of(p);
    tv[ROWS_KR] = 8;
    tv[ROWS_COLS] = 64;
    for (const int *c = gemm_rows_tunables[ROWS_COLS].values; *c; c++)
        if (*c * g.m * (int)sizeof(float) <= KEPT && g.n / *c >= 8 * caps->compute_units)
            tv[ROWS_COLS] = *c;
}

int gemm_rows_plan(const struct problem *p, const struct caps *caps, const int *tv,
                   struct launches *l)
{
    const struct gemm g = gemm_of(p);
    struct launch *k = launch_add(l, "gemm_rows", "gemm_rows");
    launch_define(k, "VW=%d", caps->vector_width);
    launch_define(k, "ROWS=%d", (int)g.m);
    launch_define(k, "KR=%d", tv[ROWS_KR]);
    launch_define(k, "COLS=%d", tv[ROWS_COLS]);
    launch_out(k, "y", 0);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    launch_int(k, "n", (int)g.n);
    launch_int(k, "k", (int)g.k);
    launch_a_strides(k, &g);
    launch_epilogue(k, p);
    launch_grid1(k, div_up((size_t)g.n, (size_t)tv[ROWS_COLS]), 1);
    return l->err;
}

/* ---- outer ---- */

enum { OUTER_MR, OUTER_NV, OUTER_COLS };
/* Elements of y a work-item. */
#define OUTER_AREA 65536
/* A step reads too, two arrays: it wants longer streams. */
const struct tunable gemm_outer_tunables[] = {
    {"MR", (const int[]){4, 2, 1, 0}},
    {"NV", (const int[]){4, 2, 1, 0}},
    {"COLS", (const int[]){2048, 512, 4096, 0}},
    {0},
};
const struct tunable gemm_outer_sgd_tunables[] = {
    {"MR", (const int[]){4, 2, 1, 0}},
    {"NV", (const int[]){2, 4, 1, 0}},
    {"COLS", (const int[]){4096, 1024, 8192, 0}},
    {0},
};

bool gemm_outer_applicable(const struct problem *p, const struct caps *caps)
{
    const struct gemm g = gemm_of(p);
    return caps->cpu_style && !g.trans_b && g.k <= GEMM_FEW && g.m * g.n >= GEMM_LARGE;
}

bool gemm_outer_fits(const struct gemm *g, const struct caps *caps, const int *tv)
{
    return tv[OUTER_MR] <= g->m &&
           tv[OUTER_MR] * tv[OUTER_NV] <= (caps->vector_width == 16 ? 16 : 8);
}

bool gemm_outer_valid(const struct problem *p, const struct caps *caps, const int *tv)
{
    const struct gemm g = gemm_of(p);
    return gemm_outer_fits(&g, caps, tv);
}

void gemm_outer_launch(struct launch *k, const struct gemm *g, const struct caps *caps,
                       const int *tv)
{
    const int lines = OUTER_AREA / tv[OUTER_COLS];
    launch_define(k, "VW=%d", caps->vector_width);
    launch_define(k, "DEPTH=%d", (int)g->k);
    launch_define(k, "MR=%d", tv[OUTER_MR]);
    launch_define(k, "NV=%d", tv[OUTER_NV]);
    launch_define(k, "LINES=%d", lines);
    launch_define(k, "COLS=%d", tv[OUTER_COLS]);
    launch_int(k, "m", (int)g->m);
    launch_int(k, "n", (int)g->n);
    launch_a_strides(k, g);
    launch_grid2(k, div_up((size_t)g->m, (size_t)lines),
                 div_up((size_t)g->n, (size_t)tv[OUTER_COLS]), 1, 1);
}

int gemm_outer_plan(const struct problem *p, const struct caps *caps, const int *tv,
                    struct launches *l)
{
    const struct gemm g = gemm_of(p);
    struct launch *k = launch_add(l, "gemm_outer", "gemm_outer");
    launch_out(k, "y", 0);
    launch_in(k, "a", 0);
    launch_in(k, "b", 1);
    gemm_outer_launch(k, &g, caps, tv);
    launch_epilogue(k, p);
    return l->err;
}
