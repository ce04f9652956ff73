/* The progress bar, the library's messages and interruption. */
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define REDRAW_SECONDS 0.1
#define LINE_SECONDS 30 /* from one to the next where there is no terminal */
#define MAX_BAR 40

#define BUILDING_SECONDS 0.2 /* programs from the disk cache are ready before anybody could read it */

/* There is one terminal, and so one bar. */
static struct {
    bool on, shown;
    bool lines; /* into a log, where that is wanted */
    double last;
    double building; /* when the first of some programs was ready */
} bar;

void progress_begin(const struct cli *cli)
{
    const char *term = getenv("TERM");

    bar.on = !cli->quiet && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    bar.lines = !bar.on && cli->verbose;
    bar.shown = false;
    bar.last = -1e9;
}

void progress_show(double fraction, const char *fmt, ...)
{
    char words[256], line[512];
    va_list ap;

    if ((!bar.on && !bar.lines) ||
        now_seconds() - bar.last < (bar.on ? REDRAW_SECONDS : LINE_SECONDS))
        return;
    va_start(ap, fmt);
    vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    bar.last = now_seconds();
    if (bar.lines) {
        fprintf(stderr, "ocelli: %s\n", words);
        return;
    }

    /* The last column stays free: some terminals wrap when it is written. */
    int columns = terminal_width(STDERR_FILENO) - 1;
    int width = columns - (int)strlen(words) - 3;
    int used = 0;

    if (width > MAX_BAR)
        width = MAX_BAR;
    if (width >= 5) {
        int full = (int)(fraction < 0 ? 0 : fraction > 1 ? width : fraction * width);

        line[used++] = '[';
        for (int i = 0; i < width; i++)
            line[used++] = i < full ? '=' : i == full ? '>' : ' ';
        used += snprintf(line + used, sizeof(line) - (size_t)used, "] ");
    }
    snprintf(line + used, sizeof(line) - (size_t)used, "%s", words);
    if (columns < (int)strlen(line))
        line[columns > 0 ? columns : 0] = '\0';
    fflush(stdout);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    bar.shown = true;
}

void progress_building(void *user, int done, int n)
{
    bool own = !bar.on && !bar.lines;

    if (done == 1)
        bar.building = now_seconds();
    if (own && done < n)
        progress_begin(user);
    if (own)
        bar.lines = false;
    if (now_seconds() - bar.building > BUILDING_SECONDS)
        progress_show((double)done / n, "compiling kernels  %d/%d", done, n);
    if (done == n)
        progress_clear();
    if (own)
        bar.on = false;
}

bool progress_tuning(void *user, const struct ocelli_tune_progress *p)
{
    char left[TIME_TEXT];
    const bool own = !bar.on;

    if (own)
        progress_begin(user);
    progress_show(p->spent / p->budget, "tuning  %d/%d problems  %s left at most", p->index + 1,
                  p->count, time_text(fmax(p->budget - p->spent, 0), left));
    bar.on = !own;
    return !interrupted();
}

void progress_clear(void)
{
    if (bar.shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        bar.last = -1e9;
    }
    bar.shown = false;
}

void progress_end(void)
{
    progress_clear();
    bar.on = bar.lines = false;
}

void cli_log(void *user, enum ocelli_log_level level, const char *message)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    const struct cli *cli = user;

    /* Errors come back as codes, and are reported once, there. */
    if (!cli->verbose && (level != OCELLI_LOG_WARNING || cli->quiet))
        return;
    progress_clear();
    fprintf(stderr, "ocelli: %s: %s\n", (size_t)level < COUNT(names) ? names[level] : "log",
            message);
}

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

void interrupt_catch(void)
{
    /* SA_RESETHAND: the second one finds the default action. */
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

bool interrupted(void)
{
    return stop != 0;
}
