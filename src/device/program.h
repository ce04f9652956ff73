/* What program.c and compile.c share. */
#ifndef DEVICE_PROGRAM_H
#define DEVICE_PROGRAM_H

#include "device/cache.h"
#include "device/cl.h"

struct program {
    struct ocelli_device *dev;
    char *name, *defines;
    cl_program cl; /* NULL until built */
    bool listed;   /* in the build under way */
};

struct programs {
    struct program **list;
    int n, cap;
    struct cache cache;
    char *platform_version; /* part of the cache's key */
};

/* One program to compile, and what came of it. */
struct job {
    struct program *p;
    int err;
    char *why;     /* the message that goes with err */
    char *log;     /* of the compiler */
    bool cached;   /* taken from disk */
    bool helped;   /* a helper was asked to put it there */
    char *warning; /* why it was not put there */
};
/* Takes the program from disk or compiles it and puts it there. Several threads may do this at
 * once, for different programs. The caller frees the texts. */
void job_run(struct job *job);
/* Whether job_run() is likely to find it there. */
bool job_is_on_disk(const struct job *job);

#endif
