/* Somebody's own kernel, as a specification describes it (JSON; the manual page ocelli-tune has the
 * format): its arguments, sizes, parameters, what they must fulfil, and what is right. */
#ifndef TUNE_KERNEL_H
#define TUNE_KERNEL_H

#include <jansson.h>

#include "device/caps.h"
#include "device/launch.h"
#include "base/shape.h"
#include "tune/space.h"

#define KERNEL_SIZES 16
#define KERNEL_CASES 8 /* of "check" */
#define KERNEL_ARGS 20

enum kernel_role { ROLE_IN, ROLE_OUT, ROLE_INOUT, ROLE_SCALAR, ROLE_LOCAL };
struct kernel_arg {
    const char *name;
    enum kernel_role role;
    enum ocelli_dtype dtype;
    const char *expr; /* elements; a scalar's value; bytes of local memory */
    double real;      /* a float scalar's value, where there is no expression */
};

/* One way to compute it. */
struct kernel_way {
    const char *source, *name, *options; /* source: a path without .cl */
    const char *global[3], *local[3];    /* local[0] NULL: the driver's choice */
    int dims;
};

struct kernel_spec {
    json_t *doc; /* everything below is borrowed from it, or from the arena */
    struct arena arena;
    const char *name;
    struct kernel_way way, reference; /* reference.name NULL: the kernel with its default setting */
    struct kernel_arg arg[KERNEL_ARGS];
    int n_args;
    const char *size_name[KERNEL_SIZES];
    int n_sizes;
    int64_t size[KERNEL_CASES + 1]
                [KERNEL_SIZES]; /* of the cases to check, and last of the one to tune for */
    int n_cases;
    struct space space;
    int def[SPACE_PARAMS]; /* default values */
    const char *constraint[32];
    int n_constraints;
    const char *terms;       /* NULL: 1 */
    const struct caps *caps; /* of the device; NULL: its limits are not asked */
};

/* text: the specification; folder: what its file names are relative to; source: the kernel file,
 * NULL: the specification's. Accepts T1 specifications, too. Fails: FORMAT with words. */
int kernel_parse(struct kernel_spec **out, const char *text, const char *folder,
                 const char *source);
void kernel_free(struct kernel_spec **k);
/* The specification again, complete and with absolute paths: what a worker is given. */
char *kernel_text(const struct kernel_spec *k);
/* "kernel NAME M=512 N=512": the database's name for it. */
void kernel_problem(const struct kernel_spec *k, struct text *out);

/* Case c with values tv of the parameters; NULL: the reference. The case's buffers in `desc`,
 * inputs, then outputs, as the launches' references count them. */
int kernel_plan(const struct kernel_spec *k, int c, const int *tv, struct launches *out);
int kernel_buffers(const struct kernel_spec *k, int c, struct desc *desc, int *n_in, int *n_out,
                   unsigned *updates, double *terms);
void kernel_setting(const struct kernel_spec *k, const int *tv, struct text *out);
bool kernel_values(const struct kernel_spec *k, const char *setting, int *tv);

#endif
