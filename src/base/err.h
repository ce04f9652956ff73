/* Failing with words. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#include <ocelli/error.h>

/* Sets the calling thread's message and returns `code`: return fail(OCELLI_ERR_IO, "%s: ...", p); */
int fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the message of a failure that is passing through; returns `code`. */
int fail_in(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* fail(OCELLI_ERR_MEMORY, ...) with one wording. */
int fail_memory(void);

/* The only control-flow macro: needs `int err` and a label `out` in the function. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        if ((err = (expr)) != 0)                                                                   \
            goto out;                                                                              \
    } while (0)

/* A receiver of messages and how to tell it something. fn NULL: silence. */
struct log {
    ocelli_log_fn fn;
    void *user;
};
void log_to(const struct log *log, enum ocelli_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
