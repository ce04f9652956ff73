/* For tests of the device: a folder that is removed again, and a kernel of one line that is
 * compiled and run the way an operation's is. */
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "device/device.h"
#include "test.h"

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void remove_tree(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new empty folder; the name is in buf. */
static inline const char *temp_dir(char buf[64])
{
    strcpy(buf, "/tmp/ocelli-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(buf));
    return buf;
}

static inline const char *path_in(const char *dir, const char *name)
{
    static _Thread_local char path[1024];
    int len = snprintf(path, sizeof(path), "%s/%s", dir, name);
    ck_assert_int_lt(len, (int)sizeof(path));
    return path;
}

static inline void put_file(const char *dir, const char *name, const char *text)
{
    assert_ok(file_replace(path_in(dir, name), text, strlen(text), 0600));
}

/* How many open files the process has. */
static inline int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* y[i] = x[i] + ADD */
#define TINY_KERNEL                                                                               \
    "__kernel void tiny(__global float *restrict y, __global const float *restrict x, const int " \
    "n)\n"                                                                                        \
    "{\n"                                                                                         \
    "    const int i = get_global_id(0);\n"                                                       \
    "    if (i < n)\n"                                                                            \
    "        y[i] = x[i] + ADD;\n"                                                                \
    "}\n"

/* Makes $OCELLI_KERNEL_DIR a folder with tiny.cl in it. */
static inline void tiny_kernels(const char *dir)
{
    put_file(dir, "tiny.cl", TINY_KERNEL);
    setenv("OCELLI_KERNEL_DIR", dir, 1);
}

/* The launch of it on n elements. */
static inline int tiny_launch(struct launches *l, int n, int add)
{
    struct launch *k = launch_add(l, "tiny", "tiny");
    launch_define(k, "ADD=%d", add);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    launch_int(k, "n", n);
    launch_grid1(k, (size_t)n, 1);
    return l->err;
}

/* A sealed list of one launch: y = x + add. */
static inline int tiny_list(struct cmdlist **out, struct ocelli_tensor *y, struct ocelli_tensor *x,
                            int add)
{
    int err;
    struct launches l = {0};
    struct cmdlist *list = NULL;
    struct binding in = {.span = *tensor_span(x), .slot = -1};
    struct binding dst = {.span = *tensor_span(y), .slot = -1};
    TRY(tiny_launch(&l, (int)(ocelli_tensor_bytes(x) / sizeof(float)), add));
    TRY(cmdlist_create(&list, tensor_device(x)));
    TRY(cmdlist_add(list, l.item, &in, &dst, NULL, "tiny"));
    TRY(cmdlist_seal(list, NULL, NULL));
    *out = list;
    list = NULL;
out:
    cmdlist_destroy(&list);
    launches_free(&l);
    return err;
}

#define TINY_N 100

/* Writes 0..N-1, adds, reads. *right: the numbers are what they should be. */
static inline int tiny_run(struct ocelli_device *dev, int add, bool *right)
{
    int err;
    float host[TINY_N];
    struct ocelli_tensor *x = NULL, *y = NULL;
    struct cmdlist *list = NULL;
    *right = false;
    for (int i = 0; i < TINY_N; i++)
        host[i] = (float)i;
    TRY(ocelli_tensor_create(&x, dev, OCELLI_F32, &OCELLI_SHAPE(TINY_N)));
    TRY(ocelli_tensor_create(&y, dev, OCELLI_F32, &OCELLI_SHAPE(TINY_N)));
    TRY(ocelli_tensor_write(x, host, sizeof(host)));
    TRY(tiny_list(&list, y, x, add));
    TRY(cmdlist_run(list, NULL));
    memset(host, 0, sizeof(host));
    TRY(ocelli_tensor_read(y, host, sizeof(host)));
    *right = true;
    for (int i = 0; i < TINY_N; i++)
        *right &= host[i] == (float)(i + add);
out:
    cmdlist_destroy(&list);
    ocelli_tensor_destroy(&x);
    ocelli_tensor_destroy(&y);
    return err;
}

/* What the log said. */
struct heard {
    char last[4096];
    int count[OCELLI_LOG_DEBUG + 1];
};
static inline void hear(void *user, enum ocelli_log_level level, const char *message)
{
    struct heard *h = user;
    h->count[level]++;
    if (level <= OCELLI_LOG_WARNING)
        snprintf(h->last, sizeof(h->last), "%s", message);
}

#endif
