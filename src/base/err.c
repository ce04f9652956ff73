#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MESSAGE_MAX 2048

static _Thread_local char message[MESSAGE_MAX];

/* Formats aside first: an argument may be the old message itself. Control characters become spaces:
 * a message is one line, and words from a file must not steer a terminal. */
static void set_message(const char *fmt, va_list ap)
{
    char buf[MESSAGE_MAX];
    vsnprintf(buf, sizeof(buf), fmt, ap);
    for (char *c = buf; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    memcpy(message, buf, sizeof(message));
}

int fail(int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_message(fmt, ap);
    va_end(ap);
    return code;
}

static void join(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void join(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_message(fmt, ap);
    va_end(ap);
}

int fail_in(int code, const char *fmt, ...)
{
    char old[MESSAGE_MAX];
    memcpy(old, message, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    set_message(fmt, ap);
    va_end(ap);
    join("%s: %s", message, old);
    return code;
}

int fail_memory(void)
{
    return fail(OCELLI_ERR_MEMORY, "out of memory");
}

const char *ocelli_error(void)
{
    return message;
}

const char *ocelli_strerror(int err)
{
    static const char *const words[] = {
        [-OCELLI_OK] = "success",
        [-OCELLI_ERR_INVALID] = "invalid argument",
        [-OCELLI_ERR_SHAPE] = "shapes or types do not fit",
        [-OCELLI_ERR_UNSUPPORTED] = "not supported",
        [-OCELLI_ERR_MEMORY] = "out of memory",
        [-OCELLI_ERR_DEVICE] = "device error",
        [-OCELLI_ERR_BUILD] = "kernel does not compile",
        [-OCELLI_ERR_NO_DEVICE] = "no such device",
        [-OCELLI_ERR_IO] = "input or output error",
        [-OCELLI_ERR_FORMAT] = "malformed file",
        [-OCELLI_ERR_CANCELLED] = "cancelled",
    };
    if (err > 0 || err <= -(int)COUNT(words))
        return "unknown error";
    return words[-err];
}

void log_to(const struct log *log, enum ocelli_log_level level, const char *fmt, ...)
{
    if (!log || !log->fn)
        return;
    char buf[1024];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    if (len < 0)
        return;
    if ((size_t)len < sizeof(buf)) {
        log->fn(log->user, level, buf);
        return;
    }
    char *s = malloc((size_t)len + 1); /* a compiler's log may be long; cut it if memory is short */
    if (s) {
        va_start(ap, fmt);
        vsnprintf(s, (size_t)len + 1, fmt, ap);
        va_end(ap);
    }
    log->fn(log->user, level, s ? s : buf);
    free(s);
}
