/* ocelli doctor: is everything there, and does it compute right? */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli.h"

enum status { STATUS_OK, STATUS_WARN, STATUS_FAIL };
static const char *const status_names[] = {"ok", "warn", "fail"};

struct report {
    const struct cli *cli;
    json_t *checks;
    int failed;
};

static void check(struct report *r, const char *name, enum status status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void check(struct report *r, const char *name, enum status status, const char *fmt, ...)
{
    char detail[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    r->failed += status == STATUS_FAIL;
    if (r->cli->json) {
        json_array_append_new(r->checks, json_pack("{s:s, s:s, s:s}", "name", name, "status",
                                                   status_names[status], "detail", detail));
    } else if (!r->cli->quiet || status != STATUS_OK) {
        progress_clear();
        out("%-4s  %-16s %s\n", status_names[status], name, detail);
        fflush(stdout);
    }
}

/* ---- Loader, drivers, devices ---- */

/* The loader reads one file a driver. OCL_ICD_VENDORS may also name one file. */
static void check_loader(struct report *r)
{
    const char *given = getenv("OCL_ICD_VENDORS");
    const char *path = given ? given : "/etc/OpenCL/vendors";
    char names[512] = "";
    struct stat st;
    DIR *dir;
    int n = 0;

    if (given && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        check(r, "loader", STATUS_OK, "OCL_ICD_VENDORS names one driver: %s", path);
        return;
    }
    if (!(dir = opendir(path))) {
        check(r, "loader", STATUS_WARN, "%s: %s: no driver is registered there", path,
              strerror(errno));
        return;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        size_t len = strlen(e->d_name), used = strlen(names);

        if (len < 4 || strcmp(e->d_name + len - 4, ".icd") != 0)
            continue;
        snprintf(names + used, sizeof(names) - used, "%s%s", n++ ? ", " : "", e->d_name);
    }
    closedir(dir);
    check(r, "loader", n ? STATUS_OK : STATUS_WARN, "%d driver%s registered in %s%s%s", n,
          n == 1 ? "" : "s", path, n ? ": " : "; on Debian, pocl-opencl-icd is one for the CPU",
          names);
}

static void check_devices(struct report *r)
{
    struct ocelli_device_info *list = NULL;
    size_t n = 0;
    int err = ocelli_devices(&list, &n);

    if (err) {
        check(r, "drivers", STATUS_FAIL, "%s", ocelli_error());
        return;
    }
    if (n == 0)
        check(r, "devices", STATUS_FAIL, "the drivers offer no device");
    for (size_t i = 0; i < n; i++) {
        const struct ocelli_device_info *d = &list[i];
        bool first = true;

        for (size_t k = 0; k < i; k++)
            first = first && strcmp(list[k].platform, d->platform) != 0;
        if (first)
            check(r, "driver", STATUS_OK, "%s, driver %s, %s", d->platform, d->driver, d->version);
    }
    for (size_t i = 0; i < n; i++)
        check(r, "device", STATUS_OK, "%d: %s (%s)%s", list[i].index, list[i].name,
              device_type_name(list[i].type), list[i].is_default ? ", the default" : "");
    free(list);
}

/* ---- The cache of compiled kernels ---- */

static bool cache_path(char *buf, size_t size)
{
    const char *own = getenv("OCELLI_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (own && *own)
        snprintf(buf, size, "%s", own);
    else if (xdg && *xdg == '/')
        snprintf(buf, size, "%s/ocelli", xdg);
    else if (home && *home)
        snprintf(buf, size, "%s/.cache/ocelli", home);
    else
        return false;
    return true;
}

/* The library's own names; the folder may hold other things. */
static bool is_entry(const char *name)
{
    const size_t len = strspn(name, "0123456789abcdef");

    return len == 32 && strcmp(name + len, ".bin") == 0;
}

static void count_entries(const char *path, int *n, double *bytes)
{
    DIR *dir = opendir(path);

    *n = 0;
    *bytes = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        struct stat st;

        if (!is_entry(e->d_name) || fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        ++*n;
        *bytes += (double)st.st_size;
    }
    if (dir)
        closedir(dir);
}

static void check_cache(struct report *r)
{
    char path[PATH_MAX], size[SIZE_TEXT], room[SIZE_TEXT];
    struct statvfs fs;
    struct stat st;
    const char *off = getenv("OCELLI_CACHE"), *limit = getenv("OCELLI_CACHE_SIZE");
    double bytes;
    int n;

    if (off && strcmp(off, "0") == 0) {
        check(r, "cache", STATUS_WARN,
              "off (OCELLI_CACHE is 0): kernels are compiled anew in every process");
        return;
    }
    if (!cache_path(path, sizeof(path))) {
        check(r, "cache", STATUS_WARN,
              "neither XDG_CACHE_HOME nor HOME is set: kernels are compiled "
              "anew in every process");
        return;
    }
    if (stat(path, &st) != 0) {
        check(r, "cache", errno == ENOENT ? STATUS_OK : STATUS_WARN, "%s: %s", path,
              errno == ENOENT ? "will be made when the first kernel is compiled" : strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        check(r, "cache", STATUS_WARN,
              "%s: not used: must be a folder of yours that no one else can "
              "write to",
              path);
        return;
    }
    count_entries(path, &n, &bytes);
    if (access(path, W_OK | X_OK) != 0)
        check(r, "cache", STATUS_WARN, "%s: %s", path, strerror(errno));
    else if (statvfs(path, &fs) == 0)
        check(r, "cache", fs.f_bavail ? STATUS_OK : STATUS_WARN,
              "%s: %d programs, %s (kept below OCELLI_CACHE_SIZE, %s); %s free; rm %s/*.bin "
              "empties it",
              path, n, size_text(bytes, size), limit && *limit ? limit : "256M unless set",
              size_text((double)fs.f_bavail * (double)fs.f_frsize, room), path);
}

/* ---- Tuning ---- */

static void check_tuning(struct report *r)
{
    char path[PATH_MAX];
    char *rows = NULL;
    int n = 0;

    ocelli_tune_path(path, sizeof(path));
    if (!*path) {
        check(r, "tuning", STATUS_WARN, "neither XDG_DATA_HOME nor HOME is set: nothing is kept");
    } else if (ocelli_tune_check(NULL) != 0 ||
               ocelli_tune_export(NULL, OCELLI_TUNE_WINNERS, NULL, &rows) != 0) {
        check(r, "tuning", STATUS_WARN, "%s", ocelli_error());
    } else {
        for (const char *s = rows; (s = strchr(s, '\n')); s++)
            n++;
        check(r, "tuning", STATUS_OK, "%s: %d problem%s tuned", path, n, n == 1 ? "" : "s");
    }
    free(rows);
}

/* ---- Data ---- */

static void check_dataset(struct report *r)
{
    struct ocelli_dataset *ds = NULL;

    if (ocelli_dataset_open(&ds, "fashion-mnist", NULL, OCELLI_TEST) == 0)
        check(r, "dataset", STATUS_OK, "fashion-mnist: %lld test images",
              (long long)ocelli_dataset_get_info(ds)->count);
    else
        check(r, "dataset", STATUS_WARN, "%s", ocelli_error());
    ocelli_dataset_close(&ds);
}

/* ---- Computing ---- */

static void check_operations(struct report *r, struct ocelli_device *dev)
{
    double total = now_seconds();
    int n = probe_count();

    if (ocelli_device_get_info(dev)->type == OCELLI_DEVICE_NULL) {
        check(r, "operations", STATUS_WARN, "the null device computes nothing");
        return;
    }
    for (int i = 0; i < n; i++) {
        struct probe_result p;
        double start = now_seconds();

        probe_run(dev, i, &p);
        check(r, p.name, p.ok ? STATUS_OK : STATUS_FAIL, "%s (%.2f s)", p.detail,
              now_seconds() - start);
        progress_show((double)(i + 1) / n, "%d of %d operations, %.0f s", i + 1, n,
                      now_seconds() - total);
    }
}

static int run(struct cli *cli, const void *args)
{
    struct report r = {.cli = cli, .checks = json_array()};
    struct ocelli_device *dev = NULL;
    struct ocelli_device_params p = {.device = cli->device,
                                     .platform = cli->platform,
                                     .profile = cli->trace != NULL,
                                     .log = cli_log,
                                     .log_user = cli};
    int status = EXIT_DONE;

    (void)args;
    progress_begin(cli);
    check(&r, "version", STATUS_OK, "ocelli %s", ocelli_version());
    check_loader(&r);
    check_devices(&r);
    check_cache(&r);
    check_tuning(&r);
    check_dataset(&r);
    if (ocelli_device_open(&dev, &p) != 0) {
        check(&r, "open", STATUS_FAIL, "%s", ocelli_error());
    } else {
        check(&r, "open", STATUS_OK, "%s", ocelli_device_get_info(dev)->name);
        check_operations(&r, dev);
    }
    progress_end();
    if (cli->json)
        status = out_json(json_pack("{s:O, s:i}", "checks", r.checks, "failed", r.failed));
    json_decref(r.checks);
    if (status == EXIT_DONE && r.failed)
        status = cli_error("doctor: %d check%s failed", r.failed, r.failed == 1 ? "" : "s");
    return device_done(cli, &dev, status);
}

const struct command cmd_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "Check drivers, devices and caches, and whether operations compute right",
    .run = run,
};
