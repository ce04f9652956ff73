/* Which devices there are, and which one is meant. */
#include "device/discover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PLATFORM_NOT_FOUND (-1001) /* the loader's, CL/cl_ext.h */

static int no_platform(void)
{
    return fail(
        OCELLI_ERR_NO_DEVICE,
        "no OpenCL driver found: on Debian or Ubuntu, apt install pocl-opencl-icd (runs on the "
        "CPU) or the GPU vendor's driver");
}

/* As many platforms or devices as *n says after asking; the caller frees. */
static int platform_ids(cl_platform_id **out, cl_uint *n)
{
    int err = 0;
    *out = NULL;
    *n = 0;
    cl_int code = fault_next("clGetPlatformIDs");
    if (code == CL_SUCCESS)
        code = clGetPlatformIDs(0, NULL, n);
    if (code == PLATFORM_NOT_FOUND || (code == CL_SUCCESS && *n == 0)) {
        *n = 0;
        return no_platform();
    }
    if (code != CL_SUCCESS)
        return cl_fail(code, "clGetPlatformIDs");
    *out = calloc(*n, sizeof(**out));
    if (!*out)
        return fail_memory();
    CL_TRY(clGetPlatformIDs(*n, *out, NULL));
out:
    if (err) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return err;
}

static int device_ids(cl_platform_id platform, cl_device_id **out, cl_uint *n)
{
    int err = 0;
    *out = NULL;
    *n = 0;
    cl_int code = fault_next("clGetDeviceIDs");
    if (code == CL_SUCCESS)
        code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, n);
    if (code == CL_DEVICE_NOT_FOUND || (code == CL_SUCCESS && *n == 0)) {
        *n = 0;
        return 0;
    }
    if (code != CL_SUCCESS)
        return cl_fail(code, "clGetDeviceIDs");
    *out = calloc(*n, sizeof(**out));
    if (!*out)
        return fail_memory();
    CL_TRY(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, *n, *out, NULL));
out:
    if (err) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return err;
}

/* Is it there, can it compile, does it speak OpenCL 1.2? */
static int usable(cl_device_id id, const struct ocelli_device_info *info, bool *yes)
{
    int err = 0;
    int major = 0, minor = 0;
    cl_bool available, compiler;
    CL_TRY(clGetDeviceInfo(id, CL_DEVICE_AVAILABLE, sizeof(available), &available, NULL));
    CL_TRY(clGetDeviceInfo(id, CL_DEVICE_COMPILER_AVAILABLE, sizeof(compiler), &compiler, NULL));
    *yes = available && compiler && sscanf(info->version, "OpenCL %d.%d", &major, &minor) == 2 &&
           (major > 1 || minor >= 2);
out:
    return err;
}

/* Appends the platform's devices. What does not answer is left out; *broken keeps why. */
static int add_devices(const struct log *log, cl_platform_id platform, struct found **list, int *n,
                       int *cap, int *broken)
{
    int err;
    cl_device_id *ids;
    cl_uint n_ids;
    err = device_ids(platform, &ids, &n_ids);
    if (err) {
        log_to(log, OCELLI_LOG_WARNING, "device/discover: a platform is left out: %s",
               ocelli_error());
        *broken = err;
        return 0;
    }
    for (cl_uint i = 0; i < n_ids; i++) {
        bool yes = false;
        struct found f = {.platform = platform, .id = ids[i]};
        err = caps_query(&f, OCELLI_DEVICE_NULL);
        if (!err)
            err = usable(ids[i], &f.info, &yes);
        if (err) {
            log_to(log, OCELLI_LOG_WARNING, "device/discover: a device is left out: %s",
                   ocelli_error());
            *broken = err;
        }
        if (err || !yes)
            continue;
        TRY(grow(list, cap, *n + 1, sizeof(**list)));
        f.info.index = *n;
        (*list)[(*n)++] = f;
    }
    err = 0;
out:
    free(ids);
    return err;
}

int discover(const struct log *log, struct found **out, int *n)
{
    int err, cap = 0, broken = 0, pick;
    cl_platform_id *platforms = NULL;
    cl_uint n_platforms;
    *out = NULL;
    *n = 0;
    TRY(platform_ids(&platforms, &n_platforms));
    for (cl_uint i = 0; i < n_platforms; i++)
        TRY(add_devices(log, platforms[i], out, n, &cap, &broken));
    if (*n == 0)
        TRY(broken);
    if (*n > 0 && discover_pick(*out, *n, NULL, NULL, &pick) == 0 && pick >= 0)
        (*out)[pick].info.is_default = true;
out:
    free(platforms);
    if (err) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return err;
}

/* What is asked for: the parameter, else the environment, else "" for anything. */
static const char *wish(const char *param, const char *variable)
{
    const char *s = param && *param ? param : secure_getenv(variable);
    return s ? s : "";
}

const char *wanted_device(const char *device)
{
    return wish(device, "OCELLI_DEVICE");
}

/* A GPU with memory of its own, another GPU, a CPU, an accelerator. */
static int rank(const struct found *f)
{
    if (has_kind(f->types, OCELLI_DEVICE_GPU))
        return f->caps.unified_memory ? 3 : 4;
    return has_kind(f->types, OCELLI_DEVICE_CPU) ? 2 : 1;
}

static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s);
}

static bool fits(const struct found *f, const char *device, const char *platform)
{
    if (*platform && !strcasestr(f->info.platform, platform))
        return false;
    if (!*device)
        return true;
    if (is_number(device))
        return strlen(device) < 9 && atoi(device) == f->info.index;
    for (enum ocelli_device_type t = OCELLI_DEVICE_CPU; t < OCELLI_DEVICE_NULL; t++)
        if (strcasecmp(device, kind_word(t)) == 0)
            return has_kind(f->types, t);
    return strcasestr(f->info.name, device) != NULL;
}

static int not_there(const struct found *list, int n, const char *device, const char *platform)
{
    struct text t = {0};
    if (*device)
        text_add(&t, "device \"%s\"%s", device, *platform ? " of " : "");
    if (*platform)
        text_add(&t, "platform \"%s\"", platform);
    text_add(&t, ": there is no such device; there are: ");
    for (int i = 0; i < n; i++)
        text_add(&t, "%d \"%s\" (%s, %s), ", list[i].info.index, list[i].info.name,
                 kind_word(list[i].info.type), list[i].info.platform);
    int err = fail(OCELLI_ERR_INVALID, "%s\"null\"", t.s ? t.s : "");
    text_free(&t);
    return err;
}

int discover_pick(const struct found *list, int n, const char *device, const char *platform,
                  int *pick)
{
    int best = -1;
    device = wanted_device(device);
    platform = wish(platform, "OCELLI_PLATFORM");
    *pick = -1;
    if (strcasecmp(device, "null") == 0)
        return 0;
    if (n == 0)
        return fail(OCELLI_ERR_NO_DEVICE, "the OpenCL drivers found have no usable device");
    for (int i = 0; i < n; i++)
        if (fits(&list[i], device, platform) && (best < 0 || rank(&list[i]) > rank(&list[best])))
            best = i;
    if (best < 0)
        return not_there(list, n, device, platform);
    *pick = best;
    return 0;
}

int ocelli_devices(struct ocelli_device_info **out, size_t *n)
{
    int err, n_found;
    struct found *list;
    *out = NULL;
    *n = 0;
    TRY(discover(NULL, &list, &n_found));
    *out = calloc((size_t)MAX(n_found, 1), sizeof(**out));
    if (!*out)
        err = fail_memory();
    for (int i = 0; !err && i < n_found; i++)
        (*out)[i] = list[i].info;
    if (!err)
        *n = (size_t)n_found;
    free(list);
out:
    return err;
}
