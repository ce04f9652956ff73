/* Compiling one program: its source, its binary on disk, the driver's words when it fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ocelli/version.h>

#include "base/file.h"
#include "base/hash.h"
#include "device/program.h"
#include "device/quirks.h"

#define SOURCE_LIMIT ((size_t)16 << 20)
#define LOG_IN_MESSAGE 700 /* characters of the compiler's words in ocelli_error() */

/* Debug builds let the command list compare argument names with the kernel's own. */
#ifdef NDEBUG
#define OPTIONS "-cl-std=CL1.2"
#else
#define OPTIONS "-cl-std=CL1.2 -cl-kernel-arg-info"
#endif

/* ---- Sources ---- */

/* The path of a file in the developer's folder $OCELLI_KERNEL_DIR, NULL if it is not there: then
 * the embedded text counts. The caller frees. */
static char *override_path(const char *name, const char *end)
{
    const char *dir = secure_getenv("OCELLI_KERNEL_DIR");
    char *path = NULL;
    if (!dir || !*dir || asprintf(&path, "%s/%s%s", dir, name, end) < 0)
        return NULL;
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static const char *embedded(const char *name)
{
    for (const struct kernel_source *s = kernel_sources; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s->text;
    return NULL;
}

static int add_source(struct text *t, const char *name, const char *end)
{
    int err = 0;
    size_t bytes;
    char *file = NULL;
    char *path = override_path(name, end);
    const char *text = embedded(name);
    if (path) {
        TRY(file_read(path, SOURCE_LIMIT, &file, &bytes));
        text_add(t, "#line 1 \"%s\"\n%s\n", path, file);
    } else if (text) {
        text_add(t, "%s", text);
    } else {
        err = fail(OCELLI_ERR_INVALID, "%s%s: there is no such kernel file", name, end);
    }
out:
    free(file);
    free(path);
    return err;
}

/* The whole source: the caller frees `t` also after a failure. A name with a slash is the path of a
 * file of somebody's own, without its ".cl": it stands alone. */
static int program_source(const char *name, struct text *t)
{
    int err;
    size_t bytes;
    char *file = NULL, *path = NULL;
    if (strchr(name, '/')) {
        if (asprintf(&path, "%s.cl", name) < 0) {
            path = NULL;
            TRY(fail_memory());
        }
        TRY(file_read(path, SOURCE_LIMIT, &file, &bytes));
        text_add(t, "#line 1 \"%s\"\n%s\n", path, file);
    } else {
        TRY(add_source(t, "prelude", ".clh"));
        TRY(add_source(t, name, ".cl"));
    }
    if (t->failed)
        return fail_memory();
out:
    free(path);
    free(file);
    return err;
}

int launches_source(const struct launches *l, char hex[33])
{
    struct hasher h;
    int err = hasher_init(&h);
    if (err)
        return err;
    for (int i = 0; i < l->n && !err; i++) {
        struct text t = {0};
        if (l->item[i].kind != LAUNCH_KERNEL ||
            (i > 0 && l->item[i].program == l->item[i - 1].program))
            continue;
        err = program_source(l->item[i].program, &t);
        if (!err)
            hasher_add_str(&h, t.s);
        text_free(&t);
    }
    hasher_finish(&h, hex);
    return err;
}

/* Everything that the binary depends on. */
static int program_key(const struct program *p, const char *source, const char *options,
                       char key[33])
{
    const struct ocelli_device_info *info = &p->dev->info;
    struct hasher h;
    int err = hasher_init(&h);
    if (err)
        return err;
    const char *const parts[] = {
        source,           options,        info->name,    info->vendor,
        info->driver,     info->platform, info->version, p->dev->programs->platform_version,
        ocelli_version(),
    };
    for (size_t i = 0; i < COUNT(parts); i++)
        hasher_add_str(&h, parts[i]);
    hasher_finish(&h, key);
    return 0;
}

/* ---- Building ---- */

static char *build_log(const struct program *p, cl_program cl)
{
    size_t bytes = 0;
    if (clGetProgramBuildInfo(cl, p->dev->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes) != CL_SUCCESS)
        return NULL;
    char *log = calloc(bytes + 1, 1);
    if (log)
        clGetProgramBuildInfo(cl, p->dev->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    return log;
}

/* From the first line that says "error", without the blanks at the end. */
static const char *log_essence(char *log)
{
    size_t len = strlen(log);
    while (len > 0 && strchr(" \t\r\n", log[len - 1]))
        log[--len] = 0;
    char *at = strcasestr(log, "error");
    while (at && at > log && at[-1] != '\n')
        at--;
    return at ? at : log;
}

static int build_source(struct job *job, const char *source, const char *options)
{
    int err;
    struct program *p = job->p;
    cl_program cl = NULL;
    CL_NEW(cl, clCreateProgramWithSource(p->dev->context, 1, &source, NULL, &cl_err));
    cl_int code = fault_next("clBuildProgram");
    if (code == CL_SUCCESS)
        code = clBuildProgram(cl, 1, &p->dev->id, options, NULL, NULL);
    job->log = build_log(p, cl);
    if (code == CL_SUCCESS) {
        p->cl = cl;
        return 0;
    }
    err = cl_fail(code, "clBuildProgram");
    if (job->log && *job->log)
        err = fail(OCELLI_ERR_BUILD, "%s.cl%s: does not compile for %s: %.*s", p->name, p->defines,
                   p->dev->info.name, LOG_IN_MESSAGE, log_essence(job->log));
    else
        err = fail_in(err, "%s.cl%s", p->name, p->defines);
out:
    CL_RELEASE(clReleaseProgram, cl);
    return err;
}

static int build_binary(struct program *p, const unsigned char *bin, size_t bytes,
                        const char *options)
{
    int err = 0;
    cl_program cl = NULL;
    cl_int status = CL_SUCCESS;
    CL_NEW(cl, clCreateProgramWithBinary(p->dev->context, 1, &p->dev->id, &bytes, &bin, &status,
                                         &cl_err));
    CL_TRY(clBuildProgram(cl, 1, &p->dev->id, options, NULL, NULL));
    p->cl = cl;
    cl = NULL;
out:
    CL_RELEASE(clReleaseProgram, cl);
    return err;
}

/* Some drivers (Mali) compile only when kernels are made: so before the binary is taken. */
static int touch_kernels(cl_program cl)
{
    int err;
    cl_uint n = 0;
    cl_kernel *kernels = NULL;
    CL_TRY(clCreateKernelsInProgram(cl, 0, NULL, &n));
    kernels = calloc(MAX(n, 1u), sizeof(*kernels));
    if (!kernels)
        return fail_memory();
    CL_TRY(clCreateKernelsInProgram(cl, n, kernels, NULL));
    for (cl_uint i = 0; i < n; i++)
        clReleaseKernel(kernels[i]);
    err = 0;
out:
    free(kernels);
    return err;
}

/* The binary for our device, which in a context of the caller's may be one of several. */
static int take_binary(const struct program *p, unsigned char **out, size_t *bytes)
{
    int err;
    cl_uint n = 0;
    cl_device_id *ids = NULL;
    size_t *sizes = NULL;
    unsigned char **bins = NULL;
    *out = NULL;
    *bytes = 0;
    TRY(touch_kernels(p->cl));
    CL_TRY(clGetProgramInfo(p->cl, CL_PROGRAM_NUM_DEVICES, sizeof(n), &n, NULL));
    ids = calloc(MAX(n, 1u), sizeof(*ids));
    sizes = calloc(MAX(n, 1u), sizeof(*sizes));
    bins = calloc(MAX(n, 1u), sizeof(*bins));
    if (!ids || !sizes || !bins) {
        err = fail_memory();
        goto out;
    }
    CL_TRY(clGetProgramInfo(p->cl, CL_PROGRAM_DEVICES, n * sizeof(*ids), ids, NULL));
    CL_TRY(clGetProgramInfo(p->cl, CL_PROGRAM_BINARY_SIZES, n * sizeof(*sizes), sizes, NULL));
    cl_uint at = 0;
    while (at < n && ids[at] != p->dev->id)
        at++;
    if (at == n || sizes[at] == 0) {
        err = fail(OCELLI_ERR_DEVICE, "%s.cl: the driver gives no binary", p->name);
        goto out;
    }
    bins[at] = malloc(sizes[at]);
    if (!bins[at]) {
        err = fail_memory();
        goto out;
    }
    *out = bins[at]; /* NULL entries are skipped */
    *bytes = sizes[at];
    CL_TRY(clGetProgramInfo(p->cl, CL_PROGRAM_BINARIES, n * sizeof(*bins), bins, NULL));
out:
    if (err) {
        free(*out);
        *out = NULL;
    }
    free(ids);
    free(sizes);
    free(bins);
    return err;
}

/* Goes on with the program's own binary where the driver then has less to do. The program stays as
 * it is where that does not work. */
static void reload(struct program *p, const unsigned char *bin, size_t bytes, const char *options)
{
    cl_program from_source = p->cl;
    if (build_binary(p, bin, bytes, options) == 0)
        CL_RELEASE(clReleaseProgram, from_source);
}

/* Puts a fresh binary on disk. Not being able to is a warning. */
static void store(struct job *job, const char *key, const char *options)
{
    unsigned char *bin = NULL;
    size_t bytes;
    struct cache *cache = &job->p->dev->programs->cache;
    int err = take_binary(job->p, &bin, &bytes);
    if (!err)
        err = cache_put(cache, key, bin, bytes);
    if (err)
        job->warning = strdup(ocelli_error());
    else if (job->p->dev->caps.quirks & QUIRK_RELOAD_BINARY)
        reload(job->p, bin, bytes, options);
    free(bin);
}

/* Source and options as the driver gets them, and the name on disk. The caller frees the texts also
 * after a failure. */
static int program_text(const struct program *p, struct text *source, struct text *options,
                        char key[33])
{
    int err;
    TRY(program_source(p->name, source));
    text_add(options, "%s%s%s", OPTIONS, *p->defines && *p->defines != ' ' ? " " : "", p->defines);
    if (options->failed)
        TRY(fail_memory());
    TRY(program_key(p, source->s, options->s, key));
out:
    return err;
}

static int build(struct job *job)
{
    int err;
    struct text source = {0}, options = {0};
    unsigned char *bin = NULL;
    size_t bytes;
    char key[33];
    struct program *p = job->p;
    const bool use_cache = p->dev->programs->cache.dir != NULL;
    TRY(program_text(p, &source, &options, key));
    job->cached = use_cache && cache_get(&p->dev->programs->cache, key, &bin, &bytes) &&
                  build_binary(p, bin, bytes, options.s) == 0;
    if (!job->cached) {
        TRY(build_source(job, source.s, options.s));
        if (use_cache)
            store(job, key, options.s);
    }
    err = 0;
out:
    free(bin);
    text_free(&source);
    text_free(&options);
    return err;
}

void job_run(struct job *job)
{
    job->err = build(job);
    if (job->err)
        job->why = strdup(ocelli_error());
}

bool job_is_on_disk(const struct job *job)
{
    struct text source = {0}, options = {0};
    char key[33];
    bool is = program_text(job->p, &source, &options, key) == 0 &&
              cache_has(&job->p->dev->programs->cache, key);
    text_free(&source);
    text_free(&options);
    return is;
}
