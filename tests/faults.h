/* Memory and system calls of the whole process, counted and made to fail: for tests that run every
 * failure in turn, and those that measure what a file costs. Not under sanitizers, which have
 * allocators of their own (faults_there() is false). */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_OWN_MEMORY,  /* malloc, calloc, realloc where our code calls them */
    FAULT_MEMORY,      /* malloc, calloc, realloc (strdup, asprintf and libraries by them) */
    FAULT_CALL,        /* open, openat, read, pread, write, fsync, fstat, rename, mkdir: EIO */
    FAULT_DISK,        /* open for writing, write, fsync: ENOSPC */
    FAULT_SHORT_WRITE, /* write takes one byte; no failure */
};

bool faults_there(void);
/* From now on call number `at` (from 1) of that kind fails, or that one and all after it. */
void faults_begin(enum fault_kind kind, long at, bool always);
/* Ends it; true when a call failed. */
bool faults_end(void);

size_t memory_live(void); /* bytes malloc'd and not freed */
/* Since memory_mark(): the most bytes above what was live then. */
void memory_mark(void);
size_t memory_peak(void);

#endif
