/* What goes to standard output and standard error. */
#include <errno.h>
#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

/* The errno of the first write that failed. A command is one process with one standard output. */
static int out_errno;

void out(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (vprintf(fmt, ap) < 0 && !out_errno)
        out_errno = errno ? errno : EIO;
    va_end(ap);
}

int out_finish(int status)
{
    errno = 0;
    if (fflush(stdout) != 0 && !out_errno)
        out_errno = errno ? errno : EIO;
    if (ferror(stdout) && !out_errno)
        out_errno = EIO;
    if (!out_errno)
        return status;
    return cli_error("standard output: %s", strerror(out_errno));
}

int out_json(json_t *doc)
{
    if (!doc)
        return cli_error("JSON: out of memory");
    errno = 0;
    if ((json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) != 0 ||
         putchar('\n') == EOF) &&
        !out_errno)
        out_errno = errno ? errno : EIO;
    json_decref(doc);
    return EXIT_DONE;
}

json_t *json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *json_shape(const struct ocelli_shape *shape)
{
    json_t *a = json_array();

    for (int i = 0; i < shape->rank; i++)
        json_array_append_new(a, json_integer(shape->dim[i]));
    return a;
}

static void complain(const char *fmt, va_list ap)
{
    progress_clear();
    fflush(stdout);
    fputs("ocelli: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int cli_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    complain(fmt, ap);
    va_end(ap);
    return EXIT_FAILED;
}

int cli_usage(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    complain(fmt, ap);
    va_end(ap);
    return EXIT_USAGE;
}

int cli_failed(const char *what, int code)
{
    const char *why = ocelli_error();

    if (!*why)
        why = ocelli_strerror(code);
    return what ? cli_error("%s: %s", what, why) : cli_error("%s", why);
}

const char *size_text(double bytes, char buf[SIZE_TEXT])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t u = 0;

    while (bytes >= 1024 && u + 1 < COUNT(units)) {
        bytes /= 1024;
        u++;
    }
    snprintf(buf, SIZE_TEXT, u == 0 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
    return buf;
}

const char *shape_text(const struct ocelli_shape *shape, char buf[SHAPE_TEXT])
{
    size_t used = 0;

    snprintf(buf, SHAPE_TEXT, "scalar");
    for (int i = 0; i < shape->rank && i < OCELLI_MAX_RANK; i++)
        used += (size_t)snprintf(buf + used, SHAPE_TEXT - used, "%s%lld", i ? "x" : "",
                                 (long long)shape->dim[i]);
    return buf;
}

const char *time_text(double seconds, char buf[TIME_TEXT])
{
    long s = seconds > 0 && seconds < 1e8 ? lround(seconds) : 0;

    if (s >= 3600)
        snprintf(buf, TIME_TEXT, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, TIME_TEXT, "%ld:%02ld", s / 60, s % 60);
    return buf;
}

bool terminal_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool terminal_colour(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

int terminal_width(int fd)
{
    struct winsize w;

    if (ioctl(fd, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
        return 80;
    return w.ws_col;
}

double now_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
