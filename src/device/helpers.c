#include "device/helpers.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_HELPERS 7     /* each takes 150 MB with LLVM in it */
#define WORTH_PROGRAMS 3  /* a process: starting LLVM costs what compiling one program does */
#define REPLY_SECONDS 300 /* for one program; more is a driver that hangs */

int helpers_worth(const struct ocelli_device *dev, int programs, int processors)
{
    if (!dev->compiler || dev->info.index < 0 || !dev->programs->cache.dir)
        return 0;
    return MIN(MIN(processors - 1, MAX_HELPERS), programs / WORTH_PROGRAMS - 1);
}

/* ---- This end ---- */

static bool say(struct child *helper, const char *line)
{
    return child_send(helper, line, strlen(line));
}

static bool start(struct child *helper, const struct ocelli_device *dev)
{
    char index[16];
    snprintf(index, sizeof(index), "%d\n", dev->info.index);
    return child_start(helper, dev->compiler, "compile-worker") == 0 && say(helper, index);
}

static bool ask(struct child *helper, const struct program *p)
{
    char *line, reply;
    struct pollfd ready = {helper->fd, POLLIN, 0};
    if (strpbrk(p->name, "\t\n") || strchr(p->defines, '\n') ||
        asprintf(&line, "%s\t%s\n", p->name, p->defines) < 0)
        return false;
    bool ok = say(helper, line);
    free(line);
    while (ok) {
        int n = poll(&ready, 1, REPLY_SECONDS * 1000);
        if (n < 0 && errno == EINTR)
            continue;
        ok = n > 0 && read(helper->fd, &reply, 1) == 1;
        break;
    }
    return ok;
}

bool helper_compile(struct child *helper, const struct program *p)
{
    if (!helper->pid && !start(helper, p->dev))
        return false;
    return ask(helper, p);
}

/* ---- The process ---- */

static char compile(struct ocelli_device *dev, char *line)
{
    struct program *p;
    char *defines = strchr(line, '\t');
    line[strcspn(line, "\n")] = '\0';
    if (!defines)
        return '0';
    *defines++ = '\0';
    if (program_get(dev, line, defines, &p) != 0)
        return '0';
    struct job job = {.p = p};
    job_run(&job);
    free(job.why);
    free(job.log);
    free(job.warning);
    return job.err ? '0' : '1';
}

int ocelli_compile_worker(void)
{
    struct ocelli_device *dev = NULL;
    FILE *replies = NULL;
    char *line = NULL;
    size_t cap = 0;
    int err;
    TRY(child_serve(&replies));
    if (getline(&line, &cap, stdin) <= 0)
        TRY(fail(OCELLI_ERR_INVALID, "compile-worker: no device"));
    line[strcspn(line, "\n")] = '\0';
    TRY(ocelli_device_open(&dev, &(struct ocelli_device_params){.device = line}));
    while (getline(&line, &cap, stdin) > 0) {
        if (fputc(dev->programs ? compile(dev, line) : '0', replies) == EOF || fflush(replies) != 0)
            break;
    }
out:
    free(line);
    ocelli_device_close(&dev);
    if (replies)
        fclose(replies);
    return err;
}
