/* Every allocation and every system call of the readers and writers fails in turn, once and for
 * good: a clean error, nothing left behind, the old file whole. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <ocelli/onnx.h>
#include <ocelli/plan.h>

#include "base/file.h"
#include "data/idx.h"
#include "device/cache.h"
#include "faults.h"
#include "formats/npy.h"
#include "ops/problem.h"
#include "tempdir.h"
#include "test.h"
#include "train/checkpoint.h"

#define LIMIT 20000 /* failures; a scenario has fewer calls */

static char dir[64], path[128];
static float values[6] = {1, 2, 3, 4, 5, 6};
static struct ocelli_array array = {.dtype = OCELLI_F32, .data = values, .name = "a"};
static struct ocelli_graph *graph;
static struct ocelli_device *device;

/* A sample of the corpus, under the test's own path. */
static void put_sample(const char *name)
{
    char from[512];
    char *data;
    size_t bytes;
    snprintf(from, sizeof(from), "%s/%s", CORPUS, name);
    assert_ok(file_read(from, 1 << 20, &data, &bytes));
    assert_ok(file_replace(path, data, bytes, 0600));
    free(data);
}

/* ---- What is done ---- */

static int read_array(void)
{
    struct ocelli_array a;
    int err = ocelli_array_read(&a, path);
    ocelli_array_free(&a);
    return err;
}

static int write_array(void)
{
    return ocelli_array_write(&array, path);
}

static int read_archive(void)
{
    struct ocelli_array *a;
    int n, err = ocelli_npz_read(&a, &n, path, 0);
    for (int i = 0; i < n; i++)
        ocelli_array_free(&a[i]);
    free(a);
    return err;
}

static int write_archive(void)
{
    return ocelli_npz_write(&array, 1, path);
}

static int read_tensors(void)
{
    struct safetensors *st;
    int err = safetensors_open(&st, path);
    safetensors_close(&st);
    return err;
}

static const struct st_pair pairs[] = {
    {"format", "ocelli checkpoint 1"}, {"position.epochs", "1"},  {"position.step", "2"},
    {"position.loss", "0.5"},          {"position.correct", "3"}, {"epoch.1", "1 2 3 4 5"},
};

static int write_tensors(void)
{
    struct st_tensor t = {"a", {OCELLI_F32, OCELLI_SHAPE(2, 3)}, values};
    return safetensors_write(path, &t, 1, pairs, (int)COUNT(pairs));
}

static int read_checkpoint(void)
{
    struct safetensors *st;
    struct position at = {0};
    int err = checkpoint_open(&st, path);
    if (!err)
        err = checkpoint_position(st, path, &at);
    history_free(&at.history);
    safetensors_close(&st);
    return err;
}

static int read_idx(void)
{
    struct idx x;
    int err = idx_read(&x, path, 3);
    idx_free(&x);
    return err;
}

static int read_model(void)
{
    struct ocelli_graph *g;
    int err = ocelli_onnx_load(&g, path, NULL);
    ocelli_graph_destroy(&g);
    return err;
}

static int write_model(void)
{
    return ocelli_onnx_save(graph, NULL, path, NULL);
}

static int plan_model(void)
{
    struct ocelli_plan *plan = NULL;
    int err = ocelli_plan_create(&plan, device, graph, NULL);
    ocelli_plan_destroy(&plan);
    return err;
}

static int parse_problem(void)
{
    struct problem p;
    struct text t = {0};
    char attr[PROBLEM_ATTR_BYTES];
    int err = problem_parse("conv2d x=2x1x28x28 w=6x1x5x5 pad=2,2,2,2 bias=6 act=relu", &p, attr);
    if (!err)
        problem_print(&p, &t);
    err = t.failed ? OCELLI_ERR_MEMORY : err;
    text_free(&t);
    return err;
}

#define KEY "00112233445566778899aabbccddeeff"

/* Whatever fails, the answer is that nothing was there. */
static int use_cache(void)
{
    struct cache c = {.dir = dir};
    unsigned char *data;
    size_t bytes;
    int err = cache_put(&c, KEY, values, sizeof(values));
    if ((!cache_get(&c, KEY, &data, &bytes) || bytes != sizeof(values)) && !err)
        err = fail(OCELLI_ERR_IO, "not there");
    free(data);
    return err;
}

enum {
    READS = 0,
    WRITES = 1,
    VAGUE = 2, /* calls lack of memory something else: the cache "not there", Jansson "damaged" */
};

static const struct scenario {
    const char *file; /* the name; what is there before, a sample of the corpus, or "" */
    const char *sample;
    int (*run)(void);
    unsigned is;
} scenarios[] = {
    {"r.npy", "npy/fortran.npy", read_array, READS},
    {"w.npy", "npy/bytes2.npy", write_array, WRITES},
    {"r.pb", "tensor/raw.pb", read_array, READS},
    {"w.pb", "tensor/longs.pb", write_array, WRITES},
    {"r.npz", "npz/packed.npz", read_archive, READS},
    {"w.npz", "npz/packed.npz", write_archive, WRITES},
    {"r.safetensors", "safetensors/two.safetensors", read_tensors, READS | VAGUE},
    {"w.safetensors", "safetensors/two.safetensors", write_tensors, WRITES},
    {"checkpoint", NULL, read_checkpoint, READS | VAGUE},
    {"r.idx.gz", "idx/images.idx.gz", read_idx, READS},
    {"r.onnx", "onnx/chain.onnx", read_model, READS},
    {"conv.onnx", "onnx/conv.onnx", read_model, READS},
    {"typed.onnx", "onnx/typed.onnx", read_model, READS},
    {"w.onnx", "onnx/gemm.onnx", write_model, WRITES},
    {"plan", "onnx/gemm.onnx", plan_model, READS},
    {"problem", "onnx/gemm.onnx", parse_problem, READS},
    {KEY ".bin", "cache/entry.bin", use_cache, WRITES | VAGUE},
};

/* ---- What must hold ---- */

static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* The file is as it was, or as it is after a run without failures. */
static void check_file(const char *old, size_t old_bytes, const char *new, size_t new_bytes)
{
    char *now;
    size_t bytes;
    assert_ok(file_read(path, 1 << 20, &now, &bytes));
    ck_assert_msg((bytes == old_bytes && memcmp(now, old, bytes) == 0) ||
                      (bytes == new_bytes && memcmp(now, new, bytes) == 0),
                  "%s: %zu bytes", path, bytes);
    free(now);
}

/* Runs a scenario until it no longer meets failure number k. Memory is exact after a first run. */
static void run_all(const struct scenario *s, enum fault_kind kind, bool always)
{
    char *old, *new;
    size_t old_bytes, new_bytes;
    assert_ok(file_read(path, 1 << 20, &old, &old_bytes));
    assert_ok(s->run());
    assert_ok(file_read(path, 1 << 20, &new, &new_bytes));
    int files = open_files(), entries = tempdir_entries(dir);
    bool struck = true;
    long k = 0;
    while (struck) {
        ck_assert_int_lt(++k, LIMIT);
        if (s->is & WRITES)
            assert_ok(file_replace(path, old, old_bytes, 0600));
        size_t live = memory_live();
        fail(OCELLI_ERR_INVALID, "nothing yet");
        faults_begin(kind, k, always);
        int err = s->run();
        struck = faults_end();
        ck_assert_msg(memory_live() == live, "%s, failure %ld: %zd bytes lost", s->file, k,
                      (ssize_t)(memory_live() - live));
        ck_assert_msg(struck || err == 0, "%s: %s", s->file, ocelli_error());
        if (err)
            ck_assert_msg(strcmp(ocelli_error(), "nothing yet") != 0, "%s, failure %ld: no words",
                          s->file, k);
        if (kind <= FAULT_MEMORY && err && !(s->is & VAGUE))
            ck_assert_msg(err == OCELLI_ERR_MEMORY, "%s, failure %ld: %d: %s", s->file, k, err,
                          ocelli_error());
        ck_assert_msg(kind != FAULT_SHORT_WRITE || err == 0, "%s: %s", s->file, ocelli_error());
        ck_assert_int_eq(open_files(), files);
        ck_assert_msg(tempdir_entries(dir) <= entries, "%s, failure %ld: a file left", s->file, k);
        check_file(old, old_bytes, new, new_bytes);
    }
    ck_assert_msg(k > 1 || kind >= FAULT_CALL, "%s: nothing failed", s->file);
    free(old);
    free(new);
}

static void begin(const struct scenario *s)
{
    array.shape = OCELLI_SHAPE(2, 3);
    tempdir_make(dir);
    snprintf(path, sizeof(path), "%s/%s", dir, s->file);
    if (s->sample)
        put_sample(s->sample);
    else
        assert_ok(write_tensors());
    if (s->run == write_model || s->run == plan_model)
        assert_ok(ocelli_onnx_load(&graph, path, NULL));
    assert_ok(ocelli_device_open(&device, &(struct ocelli_device_params){.device = "null"}));
    assert_ok(s->run()); /* libraries that set something up once */
    if (s->sample)
        put_sample(s->sample);
}

static void end(void)
{
    ocelli_graph_destroy(&graph);
    ocelli_device_close(&device);
    tempdir_remove(dir);
}

START_TEST(memory)
{
    begin(&scenarios[_i]);
    /* libzip 1.7 loses some bytes itself when it has no memory. */
    bool zip = scenarios[_i].run == read_archive || scenarios[_i].run == write_archive;
    enum fault_kind kind = zip ? FAULT_OWN_MEMORY : FAULT_MEMORY;
    run_all(&scenarios[_i], kind, false);
    run_all(&scenarios[_i], kind, true);
    end();
}
END_TEST

START_TEST(calls)
{
    begin(&scenarios[_i]);
    run_all(&scenarios[_i], FAULT_CALL, false);
    run_all(&scenarios[_i], FAULT_CALL, true);
    end();
}
END_TEST

START_TEST(disk_full)
{
    begin(&scenarios[_i]);
    run_all(&scenarios[_i], FAULT_DISK, false);
    run_all(&scenarios[_i], FAULT_DISK, true);
    run_all(&scenarios[_i], FAULT_SHORT_WRITE, true);
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("failures");
    TCase *t = tcase_create("each in turn");
    if (!faults_there()) {
        printf("1..0 # SKIP an allocator that is not glibc's\n");
        return 0;
    }
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, memory, 0, (int)COUNT(scenarios));
    tcase_add_loop_test(t, calls, 0, (int)COUNT(scenarios));
    tcase_add_loop_test(t, disk_full, 0, (int)COUNT(scenarios));
    suite_add_tcase(s, t);
    return run_suite(s);
}
