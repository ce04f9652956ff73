/* Compiled programs on disk: kept, used again, and never trusted. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/child.h"
#include "device/cache.h"
#include "device/cl.h"
#include "device/quirks.h"
#include "tiny.h"

static char kernels[64];
static char top[64];   /* everything else is under it */
static char cache[80]; /* the cache's folder */
static struct heard heard;
static bool serial; /* the driver compiles one program at a time */

static void set_up(void)
{
    tiny_kernels(temp_dir(kernels));
    temp_dir(top);
    snprintf(cache, sizeof(cache), "%s/cache", top);
    setenv("OCELLI_CACHE_DIR", cache, 1);
    unsetenv("OCELLI_CACHE");
    heard = (struct heard){0};
}

static void tear_down(void)
{
    unsetenv("OCELLI_CACHE_DIR");
    remove_tree(kernels);
    remove_tree(top);
    ck_assert_int_eq(cl_live(), 0);
}

/* Opens a device, runs the kernel, checks its result and how its program came about. */
static void run_with(int add, int built, int cached)
{
    struct ocelli_device *dev;
    struct ocelli_device_stats stats;
    bool right;
    assert_ok(
        ocelli_device_open(&dev, &(struct ocelli_device_params){.log = hear, .log_user = &heard}));
    assert_ok(tiny_run(dev, add, &right));
    ck_assert_msg(right, "the kernel's result is wrong");
    ocelli_device_get_stats(dev, &stats);
    ck_assert_uint_eq(stats.programs_built, (unsigned)built);
    ck_assert_uint_eq(stats.programs_cached, (unsigned)cached);
    ocelli_device_close(&dev);
}

/* The folder's files; `name` gets the last one's. */
static int files_in(const char *dir, char name[300])
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (name)
            snprintf(name, 300, "%s", e->d_name);
        n++;
    }
    if (d)
        closedir(d);
    return n;
}

static int mode_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 0777;
}

START_TEST(second_device_takes_it_from_disk)
{
    char name[300];
    run_with(1, 1, 0);
    ck_assert_int_eq(mode_of(cache), 0700);
    ck_assert_int_eq(files_in(cache, name), 1);
    ck_assert_int_eq(mode_of(path_in(cache, name)), 0600);
    run_with(1, 0, 1);
    run_with(2, 1, 0); /* other defines are another program */
    run_with(2, 0, 1);
    ck_assert_int_eq(files_in(cache, NULL), 2);
    put_file(kernels, "tiny.cl", "\n" TINY_KERNEL); /* and so is another source */
    run_with(2, 1, 0);
    ck_assert_int_eq(files_in(cache, NULL), 3);
    ck_assert_int_eq(heard.count[OCELLI_LOG_WARNING], 0);
}
END_TEST

START_TEST(it_can_be_switched_off)
{
    struct ocelli_device *dev;
    bool right;
    setenv("OCELLI_CACHE", "0", 1);
    run_with(1, 1, 0);
    unsetenv("OCELLI_CACHE");
    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.no_cache = true}));
    assert_ok(tiny_run(dev, 1, &right));
    ck_assert(right);
    ocelli_device_close(&dev);
    ck_assert_int_eq(files_in(cache, NULL), 0);
}
END_TEST

/* Small: every bit of every byte, every length, and a byte too many. */
START_TEST(no_damage_goes_unseen)
{
    static const char key[] = "0123456789abcdef0123456789abcdef";
    static const char data[] = "what the driver made of it";
    struct cache c;
    unsigned char *got;
    size_t n;
    char *whole;
    const char *path;
    cache_open(&c, NULL);
    ck_assert_ptr_nonnull(c.dir);
    ck_assert(!cache_get(&c, key, &got, &n));
    assert_ok(cache_put(&c, key, data, sizeof(data)));
    ck_assert(cache_get(&c, key, &got, &n));
    ck_assert_uint_eq(n, sizeof(data));
    ck_assert_mem_eq(got, data, n);
    free(got);
    char full[512];
    snprintf(full, sizeof(full), "%s/%s.bin", cache, key);
    path = full;
    size_t bytes;
    assert_ok(file_read(path, 4096, &whole, &bytes));
    ck_assert_uint_gt(bytes, sizeof(data));
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < 8 * bytes; i++) {
        char bad = (char)(whole[i / 8] ^ (1 << (i % 8)));
        ck_assert_int_eq(pwrite(fd, &bad, 1, (off_t)(i / 8)), 1);
        ck_assert_msg(!cache_get(&c, key, &got, &n), "bit %zu", i);
        ck_assert_ptr_null(got);
        ck_assert_int_eq(pwrite(fd, &whole[i / 8], 1, (off_t)(i / 8)), 1);
    }
    ck_assert(cache_get(&c, key, &got, &n));
    free(got);
    ck_assert_int_eq(pwrite(fd, "x", 1, (off_t)bytes), 1);
    ck_assert(!cache_get(&c, key, &got, &n));
    for (size_t len = bytes; len-- > 0;) {
        ck_assert_int_eq(ftruncate(fd, (off_t)len), 0);
        ck_assert_msg(!cache_get(&c, key, &got, &n), "length %zu", len);
    }
    close(fd);
    assert_ok(cache_put(&c, key, data, sizeof(data)));
    ck_assert(cache_get(&c, key, &got, &n));
    free(got);
    /* An entry under another's name. */
    char other[512];
    snprintf(other, sizeof(other), "%s/%.31sf.bin", cache, "ffffffffffffffffffffffffffffffff");
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert(!cache_get(&c, "ffffffffffffffffffffffffffffffff", &got, &n));
    free(whole);
    cache_close(&c);
}
END_TEST

/* The real thing, through the driver: the program is compiled anew, silently, and replaced. */
START_TEST(damaged_entries_are_rebuilt)
{
    char name[300], path[1024], *whole;
    size_t bytes;
    run_with(1, 1, 0);
    ck_assert_int_eq(files_in(cache, name), 1);
    snprintf(path, sizeof(path), "%s", path_in(cache, name));
    assert_ok(file_read(path, (size_t)64 << 20, &whole, &bytes));
    ck_assert_uint_gt(bytes, 200);
    const size_t at[] = {0, 40, 79, 80, 150, bytes / 2, bytes - 1};
    for (size_t i = 0; i < COUNT(at); i++) {
        whole[at[i]] ^= 1;
        assert_ok(file_replace(path, whole, bytes, 0600));
        whole[at[i]] ^= 1;
        run_with(1, 1, 0);
        run_with(1, 0, 1);
    }
    const size_t lengths[] = {0, 79, 80, bytes / 2, bytes - 1};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        assert_ok(file_replace(path, whole, lengths[i], 0600));
        run_with(1, 1, 0);
        run_with(1, 0, 1);
    }
    ck_assert_int_eq(heard.count[OCELLI_LOG_WARNING], 0);
    ck_assert_int_eq(files_in(cache, NULL), 1);
    free(whole);
}
END_TEST

/* A whole entry whose content the driver cannot use. */
START_TEST(a_binary_that_the_driver_refuses_is_rebuilt)
{
    char name[300];
    struct cache c;
    run_with(1, 1, 0);
    ck_assert_int_eq(files_in(cache, name), 1);
    cache_open(&c, NULL);
    name[32] = 0;
    assert_ok(cache_put(&c, name, "no program at all", 17));
    cache_close(&c);
    run_with(1, 1, 0);
    run_with(1, 0, 1);
}
END_TEST

START_TEST(a_folder_that_others_can_write_is_refused)
{
    static const int modes[] = {0770, 0707, 0777, 01777, 0720, 0702};
    for (size_t i = 0; i < COUNT(modes); i++) {
        remove_tree(cache);
        ck_assert_int_eq(mkdir(cache, 0700), 0);
        ck_assert_int_eq(chmod(cache, (mode_t)modes[i]), 0);
        heard = (struct heard){0};
        run_with(1, 1, 0);
        ck_assert_int_eq(files_in(cache, NULL), 0);
        ck_assert_int_eq(heard.count[OCELLI_LOG_WARNING], 1);
        ck_assert_ptr_nonnull(strstr(heard.last, "others may write"));
    }
    ck_assert_int_eq(chmod(cache, 0755), 0); /* others may look */
    run_with(1, 1, 0);
    run_with(1, 0, 1);
    char name[300];
    ck_assert_int_eq(files_in(cache, name), 1);
    ck_assert_int_eq(chmod(path_in(cache, name), 0620), 0); /* nor an entry */
    run_with(1, 1, 0);
}
END_TEST

START_TEST(a_folder_of_somebody_else_is_refused)
{
    if (geteuid() == 0) {
        ck_assert_int_eq(mkdir(cache, 0700), 0);
        ck_assert_int_eq(chown(cache, 65534, 65534), 0);
    } else {
        setenv("OCELLI_CACHE_DIR", "/usr", 1);
    }
    run_with(1, 1, 0);
    ck_assert_int_eq(heard.count[OCELLI_LOG_WARNING], 1);
    ck_assert_ptr_nonnull(strstr(heard.last, "somebody else"));
    ck_assert_int_eq(files_in(cache, NULL), 0);
}
END_TEST

/* One warning, no failure: a folder that cannot be made, one that cannot be written, an entry that
 * cannot be replaced. */
START_TEST(not_being_able_to_write_is_a_warning)
{
    char name[300], path[1024];
    setenv("OCELLI_CACHE_DIR", "/proc/ocelli/cache", 1);
    run_with(1, 1, 0);
    ck_assert_int_eq(heard.count[OCELLI_LOG_WARNING], 1);
    setenv("OCELLI_CACHE_DIR", cache, 1);
    if (geteuid() != 0) { /* root may write anywhere */
        heard = (struct heard){0};
        ck_assert_int_eq(mkdir(cache, 0500), 0);
        run_with(1, 1, 0);
        ck_assert_int_eq(heard.count[OCELLI_LOG_WARNING], 1);
        ck_assert_int_eq(chmod(cache, 0700), 0);
    }
    run_with(1, 1, 0);
    ck_assert_int_eq(files_in(cache, name), 1);
    snprintf(path, sizeof(path), "%s", path_in(cache, name));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    put_file(path, "in-the-way", "");
    heard = (struct heard){0};
    run_with(1, 1, 0);
    ck_assert_int_eq(heard.count[OCELLI_LOG_WARNING], 1);
    ck_assert_int_eq(files_in(cache, NULL), 1); /* no temporary file stays */
}
END_TEST

/* As on a full disk: writing stops in the middle. */
START_TEST(a_full_disk_leaves_nothing_behind)
{
    static const char key[] = "00000000000000000000000000000000";
    static char data[100000];
    struct rlimit old, small;
    struct cache c;
    unsigned char *got;
    size_t n;
    cache_open(&c, NULL);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 5000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    int err = cache_put(&c, key, data, sizeof(data));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    ck_assert_int_eq(err, OCELLI_ERR_IO);
    ck_assert_int_eq(files_in(cache, NULL), 0);
    ck_assert(!cache_get(&c, key, &got, &n));
    assert_ok(
        cache_put(&c, key, data, sizeof(data))); /* gave up: nothing is tried, nothing fails */
    ck_assert_int_eq(files_in(cache, NULL), 0);
    cache_close(&c);
}
END_TEST

static void key_of(int i, char key[33])
{
    snprintf(key, 33, "%032x", i);
}

static const char *entry_name(int i)
{
    static char name[64];
    char key[33];
    key_of(i, key);
    snprintf(name, sizeof(name), "%s.bin", key);
    return name;
}

static void set_used(const char *name, time_t when)
{
    const struct timespec t[2] = {{when, 0}, {when, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path_in(cache, name), t, 0), 0);
}

static bool is_there(const char *name)
{
    return access(path_in(cache, name), F_OK) == 0;
}

START_TEST(the_least_used_go_when_it_grows)
{
    enum { N = 8 };
    /* The last but one is named like what a killed writer leaves, but is young. */
    static const char *const others[] = {
        "somebody-elses",
        "tuning.db",
        "0123456789abcdef0123456789abcdeg.bin",
        "00000000000000000000000000000000.bin.old",
        ".notes.bin.txt",
        ".00000000000000000000000000000000.bin.fedcba9876543210.tmp",
        ".00000000000000000000000000000000.bin.0123456789abcdef.tmp",
    };
    struct cache c;
    char key[33], data[1000] = {0};
    unsigned char *got;
    size_t n;
    cache_open(&c, NULL);
    for (int i = 0; i < N; i++) {
        key_of(i, key);
        assert_ok(cache_put(&c, key, data, sizeof(data)));
        set_used(entry_name(i), 1000 + i);
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        put_file(cache, others[i], "killed long ago, or somebody else's");
        if (i != COUNT(others) - 2)
            set_used(others[i], 1000);
    }
    key_of(1, key);
    ck_assert(cache_get(&c, key, &got, &n)); /* used just now */
    free(got);
    cache_trim(&c, 1 << 20);
    ck_assert_int_eq(files_in(cache, NULL), N + COUNT(others) - 1);
    cache_trim(&c, 3 * 1200);
    ck_assert_int_eq(files_in(cache, NULL), 3 + COUNT(others) - 1);
    for (size_t i = 0; i < COUNT(others); i++)
        ck_assert_msg(is_there(others[i]) == (i != COUNT(others) - 1), "%s", others[i]);
    for (int i = 0; i < N; i++) {
        key_of(i, key);
        ck_assert_int_eq(cache_get(&c, key, &got, &n), i == 1 || i >= N - 2);
        free(got);
    }
    cache_close(&c);
}
END_TEST

/* The last use is told to the hour: no write for each reading. */
START_TEST(reading_touches_what_is_old)
{
    const time_t now = time(NULL);
    struct cache c;
    struct stat st;
    char key[33];
    unsigned char *got;
    size_t n;
    cache_open(&c, NULL);
    key_of(7, key);
    assert_ok(cache_put(&c, key, "x", 1));
    for (int old = 0; old < 2; old++) {
        set_used(entry_name(7), old ? now - 7200 : now - 60);
        ck_assert(cache_get(&c, key, &got, &n));
        free(got);
        ck_assert_int_eq(stat(path_in(cache, entry_name(7)), &st), 0);
        ck_assert_int_eq(st.st_mtime >= now, old);
    }
    cache_close(&c);
}
END_TEST

/* Bytes that are left of many entries whose keys are as evenly spread as those of programs. */
static uint64_t bytes_after_writing(int n, size_t each)
{
    struct cache c;
    struct stat st;
    uint64_t left = 0;
    char name[64], key[33], data[4096] = {0};
    remove_tree(cache);
    cache_open(&c, NULL);
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof(key), "%08x%024x", (unsigned)i * 2654435761u, i);
        assert_ok(cache_put(&c, key, data, each));
    }
    cache_close(&c);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "%08x%024x.bin", (unsigned)i * 2654435761u, i);
        if (stat(path_in(cache, name), &st) == 0)
            left += (uint64_t)st.st_size;
    }
    return left;
}

START_TEST(its_size_is_bounded)
{
    enum { N = 250, EACH = 1000 };
    static const struct {
        const char *size;
        uint64_t least, most;
    } cases[] = {
        {"100K", 80 << 10, 115 << 10},
        {"0.05M", 40 << 10, 62 << 10},
        {"4000", 0, 6000},
        {"1", 0, 2000},
        {"0", N * EACH, 1 << 30},
        {NULL, N * EACH, 1 << 30},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].size)
            setenv("OCELLI_CACHE_SIZE", cases[i].size, 1);
        else
            unsetenv("OCELLI_CACHE_SIZE");
        uint64_t left = bytes_after_writing(N, EACH);
        ck_assert_msg(left >= cases[i].least && left <= cases[i].most, "%s: %llu bytes",
                      cases[i].size ? cases[i].size : "unset", (unsigned long long)left);
    }
    unsetenv("OCELLI_CACHE_SIZE");
}
END_TEST

START_TEST(what_is_no_size_is_a_warning)
{
    static const char *const bad[] = {"x", "-1", "5 M", "1T", "nan", "1e30", "1e14G", "12MB"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct cache c;
        const struct log log = {hear, &heard};
        heard = (struct heard){0};
        setenv("OCELLI_CACHE_SIZE", bad[i], 1);
        cache_open(&c, &log);
        ck_assert_msg(heard.count[OCELLI_LOG_WARNING] == 1, "%s", bad[i]);
        ck_assert_uint_eq(c.limit, CACHE_LIMIT);
        cache_close(&c);
    }
    unsetenv("OCELLI_CACHE_SIZE");
}
END_TEST

struct crowd {
    struct cache *c;
    int first;
    long found;
};

/* Writes and reads entries of its own and of others, all in a folder that holds few of them. */
static void *one_of_many(void *user)
{
    struct crowd *me = user;
    char key[33], data[1000] = {0};
    for (int i = 0; i < 100; i++) {
        unsigned char *got;
        size_t n;
        key_of(me->first + i % 10, key);
        if (cache_put(me->c, key, data, sizeof(data)) != 0)
            return "writing failed";
        key_of(i % 40, key);
        if (cache_get(me->c, key, &got, &n)) {
            me->found++;
            if (n != sizeof(data) || memcmp(got, data, n) != 0)
                return "not what was written";
        }
        free(got);
    }
    return NULL;
}

/* Each key here makes a trim due: they all remove what the others write and read. */
START_TEST(many_trim_at_once)
{
    enum { N = 4 };
    struct cache c[N];
    struct crowd crowd[N];
    pthread_t thread[N];
    void *why;
    long found = 0;
    setenv("OCELLI_CACHE_SIZE", "20K", 1);
    for (int i = 0; i < N; i++) {
        cache_open(&c[i], NULL);
        crowd[i] = (struct crowd){&c[i], 10 * i, 0};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, one_of_many, &crowd[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(pthread_join(thread[i], &why), 0);
        ck_assert_msg(!why, "%s", (const char *)why);
        found += crowd[i].found;
        cache_close(&c[i]);
    }
    unsetenv("OCELLI_CACHE_SIZE");
    ck_assert_int_gt(found, 0);
    ck_assert_int_lt(files_in(cache, NULL), 24); /* 19 fit, and no temporary file stays */
}
END_TEST

START_TEST(the_folder_is_where_xdg_says)
{
    struct cache c;
    char want[128], home[80], old_home[512];
    snprintf(old_home, sizeof(old_home), "%s", getenv("HOME") ? getenv("HOME") : "");
    unsetenv("OCELLI_CACHE_DIR");
    setenv("XDG_CACHE_HOME", top, 1);
    cache_open(&c, NULL);
    snprintf(want, sizeof(want), "%s/ocelli", top);
    ck_assert_str_eq(c.dir, want);
    cache_close(&c);
    setenv("XDG_CACHE_HOME", "not/absolute", 1); /* the standard: ignore it */
    snprintf(home, sizeof(home), "%s/home", top);
    setenv("HOME", home, 1);
    cache_open(&c, NULL);
    snprintf(want, sizeof(want), "%s/.cache/ocelli", home);
    ck_assert_str_eq(c.dir, want);
    ck_assert_int_eq(mode_of(want), 0700);
    cache_close(&c);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    cache_open(&c, NULL);
    ck_assert_ptr_null(c.dir);
    setenv("HOME", old_home, 1);
}
END_TEST

/* Opens a device with that compiler and compiles n programs at once: how many came from disk. */
static int from_disk(const char *compiler, int n)
{
    struct ocelli_device *dev;
    struct ocelli_device_stats stats;
    struct launches l = {0};
    const struct launches *list = &l;
    remove_tree(cache);
    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){
                                           .log = hear, .log_user = &heard, .compiler = compiler}));
    for (int i = 0; i < n; i++)
        launch_define(launch_add(&l, "tiny", "tiny"), "ADD=%d", 100 + i);
    assert_ok(l.err);
    const int files = open_files();
    assert_ok(device_compile(dev, &list, 1));
    ck_assert_int_eq(open_files(), files);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    ocelli_device_get_stats(dev, &stats);
    ck_assert_uint_eq(stats.programs_built + stats.programs_cached, (unsigned)n);
    ck_assert_int_eq(files_in(cache, NULL), n);
    for (int i = 0; i < n; i += n - 1) {
        bool right;
        assert_ok(tiny_run(dev, 100 + i, &right));
        ck_assert(right);
    }
    launches_free(&l);
    ocelli_device_close(&dev);
    return (int)stats.programs_cached;
}

/* This program is its own compiler (see main()); others that do not answer, die, or say anything
 * are no harm. */
START_TEST(helpers_compile_what_is_missing)
{
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    const bool several = CPU_COUNT(&set) > 1 && serial;
    const int helped = from_disk("/proc/self/exe", 8);
    ck_assert_msg(several ? helped > 0 && helped < 8 : helped == 0, "%d", helped);
    ck_assert_int_eq(from_disk("/proc/self/exe", 5), 0); /* not worth a process */
    ck_assert_int_eq(from_disk(NULL, 8), 0);
    ck_assert_int_eq(from_disk("/nonexistent/ocelli", 8), 0);
    ck_assert_int_eq(from_disk("false", 8), 0);
    ck_assert_int_eq(from_disk("echo", 8), 0); /* reads nothing, and dies */
    ck_assert_int_eq(heard.count[OCELLI_LOG_WARNING], 0);
}
END_TEST

START_TEST(a_worker_is_asked_for_nonsense)
{
    static const char bad[] = "0\ntiny\nno-such\t\n\ntiny\t-DADD=no(\n\t\ntiny\t-DADD=5\n";
    static const char want[] = {'0', '0', '0', '0', '0', '1'};
    struct child c;
    assert_ok(child_start(&c, "/proc/self/exe", "compile-worker"));
    ck_assert(child_send(&c, bad, sizeof(bad) - 1));
    for (size_t i = 0; i < COUNT(want); i++) {
        char reply;
        ck_assert_int_eq(read(c.fd, &reply, 1), 1);
        ck_assert_msg(reply == want[i], "%zu: %c", i, reply);
    }
    child_stop(&c);
    ck_assert_int_eq(files_in(cache, NULL), 1);
}
END_TEST

/* Oclgrind's are not kept, see quirks.c. */
static bool binaries_are_kept(void)
{
    struct ocelli_device *dev;
    if (ocelli_device_open(&dev, NULL) != 0)
        return true; /* and the tests will say so */
    bool kept = dev->use_cache;
    serial = dev->caps.quirks & QUIRK_SERIAL_BUILD;
    ocelli_device_close(&dev);
    return kept;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "compile-worker") == 0)
        return ocelli_compile_worker() != 0;
    Suite *s = suite_create("cache");
    TCase *t = tcase_create("cache");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, no_damage_goes_unseen);
    tcase_add_test(t, a_full_disk_leaves_nothing_behind);
    tcase_add_test(t, the_least_used_go_when_it_grows);
    tcase_add_test(t, reading_touches_what_is_old);
    tcase_add_test(t, its_size_is_bounded);
    tcase_add_test(t, what_is_no_size_is_a_warning);
    tcase_add_test(t, many_trim_at_once);
    tcase_add_test(t, the_folder_is_where_xdg_says);
    if (binaries_are_kept()) {
        tcase_add_test(t, second_device_takes_it_from_disk);
        tcase_add_test(t, it_can_be_switched_off);
        tcase_add_test(t, damaged_entries_are_rebuilt);
        tcase_add_test(t, a_binary_that_the_driver_refuses_is_rebuilt);
        tcase_add_test(t, a_folder_that_others_can_write_is_refused);
        tcase_add_test(t, a_folder_of_somebody_else_is_refused);
        tcase_add_test(t, not_being_able_to_write_is_a_warning);
        tcase_add_test(t, helpers_compile_what_is_missing);
        tcase_add_test(t, a_worker_is_asked_for_nonsense);
    }
    suite_add_tcase(s, t);
    return run_suite(s);
}
