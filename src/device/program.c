/* Programs: kernel files with their defines, compiled once a device. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "device/helpers.h"
#include "device/quirks.h"

#define MAX_THREADS 16

/* ---- Building many ---- */

struct crew {
    struct job *jobs;
    int n;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int next, done, working; /* under the lock */
};

struct hand {
    struct crew *crew;
    bool helped; /* a helper does the work */
    pthread_t thread;
};

static void *work(void *user)
{
    const struct hand *hand = user;
    struct crew *c = hand->crew;
    struct child helper = {0};
    bool well = true;
    pthread_mutex_lock(&c->lock);
    while (well && c->next < c->n) {
        struct job *job = &c->jobs[c->next++];
        pthread_mutex_unlock(&c->lock);
        job->helped = hand->helped;
        if (hand->helped)
            well = helper_compile(&helper, job->p);
        else
            job_run(job);
        pthread_mutex_lock(&c->lock);
        c->done++;
        pthread_cond_signal(&c->changed);
    }
    c->working--;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
    child_stop(&helper);
    return NULL;
}

/* By `threads` threads, and as many more as there are helpers. What helpers compiled, and what
 * nobody did, is still to be taken by job_run(). Progress is told by the calling thread only. */
static void build_together(struct job *jobs, int n, int threads, int helpers,
                           void (*progress)(void *user, int done, int n), void *user)
{
    struct crew c = {.jobs = jobs,
                     .n = n,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .changed = PTHREAD_COND_INITIALIZER};
    struct hand hand[MAX_THREADS];
    const int hands = MIN(threads + helpers, MAX_THREADS);
    int started = 0, told = 0;
    pthread_mutex_lock(&c.lock);
    for (; started < hands; started++) {
        hand[started] = (struct hand){.crew = &c, .helped = started >= threads};
        if (pthread_create(&hand[started].thread, NULL, work, &hand[started]) != 0)
            break;
        c.working++;
    }
    while (c.working > 0) {
        pthread_cond_wait(&c.changed, &c.lock);
        if (c.done == told)
            continue;
        told = c.done;
        pthread_mutex_unlock(&c.lock);
        if (progress)
            progress(user, told, n);
        pthread_mutex_lock(&c.lock);
    }
    pthread_mutex_unlock(&c.lock);
    for (int i = 0; i < started; i++)
        pthread_join(hand[i].thread, NULL);
    pthread_mutex_destroy(&c.lock);
    pthread_cond_destroy(&c.changed);
}

/* What the compiler said, a line a message. */
static void tell_log(const struct log *log, const struct job *job)
{
    const enum ocelli_log_level level = job->err ? OCELLI_LOG_ERROR : OCELLI_LOG_DEBUG;
    char *rest = NULL;
    for (char *s = strtok_r(job->log, "\n", &rest); s; s = strtok_r(NULL, "\n", &rest))
        log_to(log, level, "device/program: %s.cl%s: %s", job->p->name, job->p->defines, s);
}

/* Counts, tells the log, and returns the first failure in the order of the jobs. */
static int account(struct ocelli_device *dev, struct job *jobs, int n)
{
    int err = 0;
    bool warned = false;
    for (int i = 0; i < n; i++) {
        struct job *j = &jobs[i];
        if (!j->err)
            (*(j->cached ? &dev->stats.programs_cached : &dev->stats.programs_built))++;
        if (j->warning && !warned)
            log_to(&dev->log, OCELLI_LOG_WARNING, "device/cache: %s; going on without", j->warning);
        warned |= j->warning != NULL;
        if (j->log)
            tell_log(&dev->log, j);
        if (j->err && !err)
            err = fail(j->err, "%s", j->why ? j->why : ocelli_strerror(j->err));
        j->p->listed = false;
        free(j->why);
        free(j->log);
        free(j->warning);
    }
    return err;
}

/* Drivers compile on the host, whatever the device is. Those that this process may use. */
static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? MAX(CPU_COUNT(&set), 1) : 1;
}

static int count_missing(struct job *jobs, int n)
{
    int missing = 0;
    for (int i = 0; i < n; i++)
        missing += !job_is_on_disk(&jobs[i]);
    return missing;
}

int programs_build(struct program *const *list, int n,
                   void (*progress)(void *user, int done, int n), void *user)
{
    int n_jobs = 0;
    if (n <= 0)
        return 0;
    struct ocelli_device *dev = list[0]->dev;
    struct job *jobs = calloc((size_t)n, sizeof(*jobs));
    if (!jobs)
        return fail_memory();
    for (int i = 0; i < n; i++) {
        if (list[i]->cl || list[i]->listed)
            continue;
        list[i]->listed = true;
        jobs[n_jobs++].p = list[i];
    }
    if (!progress) {
        progress = dev->building;
        user = dev->building_user;
    }
    /* At least two threads cost nothing and wait less for the disk. */
    int threads = MIN(MIN(MAX(processors(), 2), n_jobs), MAX_THREADS), helpers = 0;
    if (dev->caps.quirks & QUIRK_SERIAL_BUILD) {
        threads = 1;
        if (dev->compiler)
            helpers = helpers_worth(dev, count_missing(jobs, n_jobs), processors());
    }
    if (threads > 1 || helpers > 0)
        build_together(jobs, n_jobs, threads, helpers, progress, user);
    for (int i = 0; i < n_jobs; i++) {
        if (jobs[i].p->cl || jobs[i].err)
            continue;
        job_run(&jobs[i]);
        if (progress && !jobs[i].helped)
            progress(user, i + 1, n_jobs);
    }
    int err = account(dev, jobs, n_jobs);
    free(jobs);
    return err;
}

/* ---- The list ---- */

int program_get(struct ocelli_device *dev, const char *name, const char *defines,
                struct program **out)
{
    int err;
    struct programs *ps = dev->programs;
    struct program *p = NULL;
    *out = NULL;
    if (!ps)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s.cl: the null device cannot compile", name);
    defines = defines ? defines : "";
    for (int i = 0; i < ps->n; i++) {
        if (strcmp(ps->list[i]->name, name) == 0 && strcmp(ps->list[i]->defines, defines) == 0) {
            *out = ps->list[i];
            return 0;
        }
    }
    TRY(grow(&ps->list, &ps->cap, ps->n + 1, sizeof(*ps->list)));
    p = calloc(1, sizeof(*p));
    if (!p)
        return fail_memory();
    *p = (struct program){.dev = dev, .name = strdup(name), .defines = strdup(defines)};
    if (!p->name || !p->defines) {
        free(p->name);
        free(p->defines);
        free(p);
        return fail_memory();
    }
    ps->list[ps->n++] = p;
    *out = p;
out:
    return err;
}

bool device_keeps_programs(const struct ocelli_device *dev)
{
    return dev->programs && dev->programs->cache.dir && !dev->programs->cache.failed;
}

int device_compile(struct ocelli_device *dev, const struct launches *const *list, int n)
{
    int err, used = 0, all = 0;
    struct program **p = NULL;
    for (int i = 0; i < n; i++)
        all += list[i]->n;
    if (!dev->programs || all == 0)
        return 0;
    p = calloc((size_t)all, sizeof(*p));
    if (!p)
        TRY(fail_memory());
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < list[i]->n; k++) {
            const struct launch *l = &list[i]->item[k];
            if (l->kind == LAUNCH_KERNEL)
                TRY(program_get(dev, l->program, l->defines.s, &p[used++]));
        }
    }
    TRY(programs_build(p, used, NULL, NULL));
out:
    free(p);
    return err;
}

int program_kernel(struct program *p, const char *kernel, cl_kernel *out)
{
    int err = 0;
    *out = NULL;
    if (!p->cl)
        return fail(OCELLI_ERR_INVALID, "%s.cl: not built yet", p->name);
    CL_NEW(*out, clCreateKernel(p->cl, kernel, &cl_err));
out:
    return err ? fail_in(err, "%s.cl%s: kernel %s", p->name, p->defines, kernel) : 0;
}

static int ask_platform_version(struct ocelli_device *dev, char **out)
{
    int err;
    size_t bytes = 0;
    CL_TRY(clGetPlatformInfo(dev->platform, CL_PLATFORM_VERSION, 0, NULL, &bytes));
    *out = calloc(bytes + 1, 1);
    if (!*out)
        return fail_memory();
    CL_TRY(clGetPlatformInfo(dev->platform, CL_PLATFORM_VERSION, bytes, *out, NULL));
    err = 0;
out:
    return err;
}

int programs_create(struct ocelli_device *dev)
{
    dev->programs = calloc(1, sizeof(*dev->programs));
    if (!dev->programs)
        return fail_memory();
    int err = ask_platform_version(dev, &dev->programs->platform_version);
    if (!err && dev->use_cache)
        cache_open(&dev->programs->cache, &dev->log);
    return err;
}

void programs_destroy(struct ocelli_device *dev)
{
    struct programs *ps = dev->programs;
    for (int i = 0; i < ps->n; i++) {
        CL_RELEASE(clReleaseProgram, ps->list[i]->cl);
        free(ps->list[i]->name);
        free(ps->list[i]->defines);
        free(ps->list[i]);
    }
    free(ps->list);
    free(ps->platform_version);
    cache_close(&ps->cache);
    free(ps);
    dev->programs = NULL;
}
