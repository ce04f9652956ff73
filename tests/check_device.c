/* Devices: found, chosen, opened and closed; memory, tensors, programs. */
#include <math.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>

#include "device/cl.h"
#include "device/discover.h"
#include "device/quirks.h"
#include "tiny.h"

static struct ocelli_device *dev;
static char kernels[64];
static char self[4096];

static void set_up(void)
{
    tiny_kernels(temp_dir(kernels));
    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.no_cache = true}));
}

static void tear_down(void)
{
    ocelli_device_close(&dev);
    ck_assert_ptr_null(dev);
    ck_assert_int_eq(cl_live(), 0);
    remove_tree(kernels);
}

static int open_named(struct ocelli_device **out, const char *device, const char *platform)
{
    return ocelli_device_open(out, &(struct ocelli_device_params){
                                       .device = device, .platform = platform, .no_cache = true});
}

START_TEST(lists_devices)
{
    struct ocelli_device_info *list;
    size_t n;
    int defaults = 0;
    assert_ok(ocelli_devices(&list, &n));
    ck_assert_uint_ge(n, 1);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(list[i].index, (int)i);
        ck_assert_int_gt((int)strlen(list[i].name), 0);
        ck_assert_int_gt((int)strlen(list[i].platform), 0);
        ck_assert_int_gt((int)strlen(list[i].driver), 0);
        ck_assert_int_ge(list[i].compute_units, 1);
        ck_assert_uint_gt(list[i].memory_bytes, 0);
        ck_assert_uint_gt(list[i].max_alloc_bytes, 0);
        defaults += list[i].is_default;
    }
    ck_assert_int_eq(defaults, 1);
    free(list);
}
END_TEST

START_TEST(opens_by_index_name_kind_and_platform)
{
    struct ocelli_device_info *list;
    size_t n;
    char part[8];
    assert_ok(ocelli_devices(&list, &n));
    snprintf(part, sizeof(part), "%.6s", list[0].name);
    const char *const names[] = {"0", list[0].name, part, kind_word(list[0].type)};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct ocelli_device *d;
        assert_ok(open_named(&d, names[i], list[0].platform));
        ck_assert_str_eq(ocelli_device_get_info(d)->name, list[0].name);
        ck_assert_int_eq(ocelli_device_get_info(d)->type, list[0].type);
        ocelli_device_close(&d);
    }
    setenv("OCELLI_DEVICE", "null", 1);
    struct ocelli_device *d;
    assert_ok(open_named(&d, NULL, NULL));
    ck_assert(device_is_null(d));
    ocelli_device_close(&d);
    assert_ok(open_named(&d, "0", NULL)); /* the parameter wins */
    ck_assert(!device_is_null(d));
    ocelli_device_close(&d);
    unsetenv("OCELLI_DEVICE");
    setenv("OCELLI_PLATFORM", "no such platform", 1);
    assert_fails(open_named(&d, NULL, NULL), OCELLI_ERR_INVALID, "no such platform");
    unsetenv("OCELLI_PLATFORM");
    free(list);
}
END_TEST

START_TEST(unknown_device_is_refused_with_what_there_is)
{
    struct ocelli_device *d = dev;
    const char *const wrong[] = {"no-such-device", "99", "4294967296", "accelerator of mine"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_fails(open_named(&d, wrong[i], NULL), OCELLI_ERR_INVALID, wrong[i]);
        ck_assert_ptr_null(d);
        ck_assert_ptr_nonnull(strstr(ocelli_error(), ocelli_device_get_info(dev)->name));
        ck_assert_ptr_nonnull(strstr(ocelli_error(), "\"null\""));
    }
    assert_fails(open_named(&d, "0", "no-such-platform"), OCELLI_ERR_INVALID, "no-such-platform");
    assert_fails(ocelli_device_open(&d, &(struct ocelli_device_params){.lanes = -1}),
                 OCELLI_ERR_INVALID, "-1 lanes");
}
END_TEST

/* What runs in a process of its own, for the loader looks for drivers once. */
static int without_driver(void)
{
    struct ocelli_device *d;
    struct ocelli_device_info *list;
    size_t n;
    if (ocelli_device_open(&d, NULL) != OCELLI_ERR_NO_DEVICE || d)
        return 2;
    if (!strstr(ocelli_error(), "no OpenCL driver found") || !strstr(ocelli_error(), "apt install"))
        return 3;
    if (ocelli_devices(&list, &n) != OCELLI_ERR_NO_DEVICE)
        return 4;
    if (open_named(&d, "null", NULL) != 0)
        return 5;
    ocelli_device_close(&d);
    return 0;
}

START_TEST(no_driver_says_what_to_install)
{
    char dir[64], vendors[128];
    int status;
    pid_t pid;
    snprintf(vendors, sizeof(vendors), "OCL_ICD_VENDORS=%s", temp_dir(dir));
    char *const argv[] = {self, "without-driver", NULL};
    char *const env[] = {vendors, NULL};
    ck_assert_int_eq(posix_spawn(&pid, self, NULL, NULL, argv, env), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    remove_tree(dir);
}
END_TEST

START_TEST(null_device_plans_but_does_not_run)
{
    struct ocelli_device *d;
    struct ocelli_tensor *t;
    struct ocelli_device_stats stats;
    struct program *p;
    float host[6] = {0};
    assert_ok(open_named(&d, "null", NULL));
    ck_assert(device_is_null(d));
    ck_assert(device_caps(d)->cpu_style);
    ck_assert_int_eq(device_caps(d)->vector_width, 16);
    ck_assert_uint_eq(device_caps(d)->align, 128);
    assert_ok(ocelli_tensor_create(&t, d, OCELLI_F32, &OCELLI_SHAPE(2, 3)));
    ocelli_device_get_stats(d, &stats);
    ck_assert_uint_eq(stats.bytes_allocated, sizeof(host));
    assert_fails(ocelli_tensor_write(t, host, sizeof(host)), OCELLI_ERR_UNSUPPORTED, "null device");
    assert_fails(ocelli_tensor_read(t, host, sizeof(host)), OCELLI_ERR_UNSUPPORTED, "null device");
    assert_fails(program_get(d, "tiny", "", &p), OCELLI_ERR_UNSUPPORTED, "null device");
    assert_ok(ocelli_device_finish(d));
    ocelli_tensor_destroy(&t);
    ocelli_device_close(&d);
}
END_TEST

START_TEST(tensors_keep_what_is_written)
{
    static const struct {
        enum ocelli_dtype dtype;
        struct ocelli_shape shape;
    } cases[] = {
        {OCELLI_F32, {0, {0}}},
        {OCELLI_F32, {1, {1}}},
        {OCELLI_F32, {4, {2, 3, 5, 7}}},
        {OCELLI_I32, {2, {17, 31}}},
        {OCELLI_U8, {1, {1}}},
        {OCELLI_U8, {3, {3, 1, 257}}},
        {OCELLI_F32, {8, {1, 2, 1, 3, 1, 2, 1, 3}}},
    };
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct ocelli_tensor *t;
        assert_ok(ocelli_tensor_create(&t, dev, cases[c].dtype, &cases[c].shape));
        size_t bytes = ocelli_tensor_bytes(t);
        size_t want = ocelli_dtype_size(cases[c].dtype);
        for (int i = 0; i < cases[c].shape.rank; i++)
            want *= (size_t)cases[c].shape.dim[i];
        ck_assert_uint_eq(bytes, want);
        ck_assert_int_eq(ocelli_tensor_dtype(t), cases[c].dtype);
        ck_assert(shape_equal(ocelli_tensor_shape(t), &cases[c].shape));
        unsigned char *in = malloc(bytes + 2), *out = malloc(bytes + 2);
        for (size_t i = 0; i < bytes; i++)
            in[i] = (unsigned char)(37 * i + c + 1);
        out[0] = out[bytes + 1] = 0xA5;
        assert_ok(ocelli_tensor_write(t, in, bytes));
        assert_ok(ocelli_tensor_read(t, out + 1, bytes));
        ck_assert_mem_eq(in, out + 1, bytes);
        ck_assert_uint_eq(out[0], 0xA5);
        ck_assert_uint_eq(out[bytes + 1], 0xA5);
        assert_fails(ocelli_tensor_write(t, in, bytes + 1), OCELLI_ERR_INVALID, "bytes");
        assert_fails(ocelli_tensor_write(t, in, bytes - 1), OCELLI_ERR_INVALID, "bytes");
        assert_fails(ocelli_tensor_read(t, out, 0), OCELLI_ERR_INVALID, "bytes");
        assert_fails(ocelli_tensor_read(t, NULL, bytes), OCELLI_ERR_INVALID, "no host memory");
        free(in);
        free(out);
        ocelli_tensor_destroy(&t);
        ck_assert_ptr_null(t);
        ocelli_tensor_destroy(&t);
    }
}
END_TEST

START_TEST(bad_tensors_are_refused)
{
    struct ocelli_tensor *t;
    const int64_t huge = (int64_t)1 << 40;
    assert_fails(ocelli_tensor_create(&t, dev, OCELLI_F32, NULL), OCELLI_ERR_INVALID, "no shape");
    assert_fails(ocelli_tensor_create(&t, dev, 99, &OCELLI_SHAPE(1)), OCELLI_ERR_INVALID, "99");
    ck_assert_int_eq(ocelli_tensor_create(&t, dev, OCELLI_F32, &OCELLI_SHAPE(3, 0)),
                     OCELLI_ERR_INVALID);
    ck_assert_int_eq(ocelli_tensor_create(&t, dev, OCELLI_F32, &OCELLI_SHAPE(-1)),
                     OCELLI_ERR_INVALID);
    ck_assert_int_eq(ocelli_tensor_create(&t, dev, OCELLI_F32, &OCELLI_SHAPE(huge, huge)),
                     OCELLI_ERR_INVALID);
    ck_assert_int_eq(ocelli_tensor_create(&t, dev, OCELLI_F32, &(struct ocelli_shape){.rank = 9}),
                     OCELLI_ERR_INVALID);
    assert_fails(ocelli_tensor_create(&t, dev, OCELLI_F32, &OCELLI_SHAPE(huge)), OCELLI_ERR_MEMORY,
                 "in one piece");
    ck_assert_ptr_null(t);
    struct buffer *b;
    assert_fails(buffer_create(&b, dev, 0), OCELLI_ERR_INVALID, "0 bytes");
}
END_TEST

START_TEST(memory_is_counted)
{
    struct ocelli_device_stats before, now;
    struct ocelli_tensor *t[3];
    ocelli_device_get_stats(dev, &before);
    ck_assert_uint_eq(before.bytes_allocated, 0);
    for (int i = 0; i < 3; i++)
        assert_ok(ocelli_tensor_create(&t[i], dev, OCELLI_F32, &OCELLI_SHAPE(1 << 20, i + 1)));
    ocelli_device_get_stats(dev, &now);
    ck_assert_uint_eq(now.bytes_allocated, (size_t)6 << 22);
    for (int i = 0; i < 3; i++)
        ocelli_tensor_destroy(&t[i]);
    ocelli_device_get_stats(dev, &now);
    ck_assert_uint_eq(now.bytes_allocated, 0);
    ck_assert_uint_eq(now.bytes_peak, (size_t)6 << 22);
}
END_TEST

START_TEST(spans_share_a_buffer)
{
    enum { PARTS = 3, N = 40 };
    struct buffer *b;
    const size_t align = dev->caps.align, step = round_up(N * sizeof(float), align);
    struct ocelli_tensor *t[PARTS];
    struct desc d = {OCELLI_F32, OCELLI_SHAPE(N)};
    float host[N];
    struct ocelli_device_stats stats;
    assert_ok(buffer_create(&b, dev, PARTS * step));
    for (size_t p = 0; p < PARTS; p++) {
        cl_mem mem, again;
        struct span s = {b, p * step, N * sizeof(float)};
        assert_ok(span_mem(&s, &mem));
        assert_ok(span_mem(&s, &again));
        ck_assert_ptr_eq(mem, again);
        ck_assert_int_eq(mem == b->mem, p == 0);
        assert_ok(tensor_over(&t[p], dev, &s, &d));
    }
    for (int p = 0; p < PARTS; p++) {
        for (int i = 0; i < N; i++)
            host[i] = (float)(100 * p + i);
        assert_ok(ocelli_tensor_write(t[p], host, sizeof(host)));
    }
    struct span beyond = {b, (PARTS - 1) * step, step + 1}, odd = {b, 1, 4};
    cl_mem mem;
    struct ocelli_tensor *bad;
    assert_fails(span_mem(&beyond, &mem), OCELLI_ERR_INVALID, "of a buffer of");
    assert_fails(span_mem(&odd, &mem), OCELLI_ERR_INVALID, "no multiple");
    beyond.offset = SIZE_MAX;
    assert_fails(tensor_over(&bad, dev, &beyond, &d), OCELLI_ERR_INVALID, "of a buffer of");
    buffer_release(&b); /* the tensors hold it */
    for (int p = 0; p < PARTS; p++) {
        assert_ok(ocelli_tensor_read(t[p], host, sizeof(host)));
        for (int i = 0; i < N; i++)
            ck_assert_float_eq(host[i], (float)(100 * p + i));
    }
    for (int p = 0; p < PARTS; p++)
        ocelli_tensor_destroy(&t[p]);
    ocelli_device_get_stats(dev, &stats);
    ck_assert_uint_eq(stats.bytes_allocated, 0);
}
END_TEST

static void count_progress(void *user, int done, int n)
{
    int *calls = user;
    ck_assert_int_gt(done, *calls);
    ck_assert_int_le(done, n);
    *calls = done;
}

START_TEST(programs_are_built_once)
{
    enum { N = 4 };
    struct program *list[2 * N], *again;
    char defines[32];
    int done = 0;
    struct ocelli_device_stats before, after;
    ocelli_device_get_stats(dev, &before);
    for (int i = 0; i < N; i++) {
        snprintf(defines, sizeof(defines), " -DADD=%d", 10 + i);
        assert_ok(program_get(dev, "tiny", defines, &list[i]));
        assert_ok(program_get(dev, "tiny", defines, &again));
        ck_assert_ptr_eq(list[i], again);
        list[N + i] = list[i];
    }
    cl_kernel k;
    assert_fails(program_kernel(list[0], "tiny", &k), OCELLI_ERR_INVALID, "not built");
    assert_ok(programs_build(list, 2 * N, count_progress, &done));
    ck_assert_int_eq(done, N);
    assert_ok(programs_build(list, N, count_progress, &done));
    ocelli_device_get_stats(dev, &after);
    ck_assert_uint_eq(after.programs_built - before.programs_built, N);
    ck_assert_uint_eq(after.programs_cached, 0);
    assert_ok(program_kernel(list[0], "tiny", &k));
    CL_RELEASE(clReleaseKernel, k);
    assert_fails(program_kernel(list[0], "nothing", &k), OCELLI_ERR_DEVICE, "kernel nothing");
    ck_assert_ptr_null(k);
}
END_TEST

/* The threads that most drivers get, also on one that is spared them. */
START_TEST(threads_build_the_same)
{
    enum { N = 6 };
    struct program *list[N];
    struct ocelli_device *d;
    char defines[32];
    int done = 0;
    assert_ok(open_named(&d, NULL, NULL));
    d->caps.quirks &= ~(unsigned)QUIRK_SERIAL_BUILD;
    for (int i = 0; i < N; i++) {
        snprintf(defines, sizeof(defines), " -DADD=%s%d", i == 3 ? "wrong" : "", 20 + i);
        assert_ok(program_get(d, "tiny", defines, &list[i]));
    }
    assert_fails(programs_build(list, N, count_progress, &done), OCELLI_ERR_BUILD, "wrong23");
    ck_assert_int_eq(done, N);
    for (int i = 0; i < N; i++) {
        cl_kernel k;
        ck_assert_int_eq(program_kernel(list[i], "tiny", &k) == 0, i != 3);
        CL_RELEASE(clReleaseKernel, k);
    }
    bool right;
    assert_ok(tiny_run(d, 21, &right));
    ck_assert(right);
    ocelli_device_close(&d);
}
END_TEST

START_TEST(a_program_that_does_not_compile_says_where)
{
    struct ocelli_device *d;
    struct program *p;
    struct heard heard = {0};
    put_file(kernels, "broken.cl",
             "__kernel void broken(__global int *y)\n{\n    y[0] = nobody;\n}\n");
    assert_ok(ocelli_device_open(
        &d, &(struct ocelli_device_params){.no_cache = true, .log = hear, .log_user = &heard}));
    assert_ok(program_get(d, "broken", " -DTILE=7", &p));
    assert_fails(programs_build(&p, 1, NULL, NULL), OCELLI_ERR_BUILD, "broken.cl -DTILE=7");
    ck_assert_ptr_nonnull(strstr(ocelli_error(), "nobody"));
    if (!strstr(ocelli_device_get_info(d)->platform, "Oclgrind")) /* which knows no #line */
        ck_assert_ptr_nonnull(strstr(ocelli_error(), "broken.cl:3"));
    ck_assert_ptr_null(strchr(ocelli_error(), '\n'));
    ck_assert_int_ge(heard.count[OCELLI_LOG_ERROR], 1);
    put_file(kernels, "broken.cl", "__kernel void broken(__global int *y)\n{\n    y[0] = 1;\n}\n");
    assert_ok(programs_build(&p, 1, NULL, NULL)); /* a developer's second try */
    assert_ok(program_get(d, "no_such_file", "", &p));
    assert_fails(programs_build(&p, 1, NULL, NULL), OCELLI_ERR_INVALID, "no_such_file.cl");
    ocelli_device_close(&d);
}
END_TEST

START_TEST(a_kernel_runs)
{
    bool right;
    assert_ok(tiny_run(dev, 5, &right));
    ck_assert(right);
}
END_TEST

static size_t resident_kib(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*s %zu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* 16 KiB a cycle are the driver's to lose (PoCL keeps a little of every context). */
START_TEST(opening_and_closing_does_not_grow)
{
    enum { WARM = 20, CYCLES = 100 };
    size_t kib = 0;
    int files = 0, live = cl_live();
    for (int i = 0; i < WARM + CYCLES; i++) {
        struct ocelli_device *d;
        struct ocelli_tensor *t;
        float x = 1;
        if (i == WARM) {
            kib = resident_kib();
            files = open_files();
        }
        assert_ok(open_named(&d, NULL, NULL));
        assert_ok(ocelli_tensor_create(&t, d, OCELLI_F32, &OCELLI_SHAPE(1)));
        assert_ok(ocelli_tensor_write(t, &x, sizeof(x)));
        ocelli_tensor_destroy(&t);
        ocelli_device_close(&d);
        ck_assert_int_eq(cl_live(), live);
    }
    ck_assert_int_eq(open_files(), files);
    ck_assert_uint_le(resident_kib(), kib + CYCLES * 16);
}
END_TEST

/* C is full of NaN before: nothing of it may be read. */
START_TEST(clblast_multiplies)
{
    enum { M = 5, N = 7, K = 3 };
    float a[M * K], b[K * N], c[M * N];
    if (!dev->caps.clblast) {
        assert_fails(clblast_gemm(dev, NULL, &(struct gemm_call){.m = 1, .n = 1, .k = 1}, NULL),
                     OCELLI_ERR_UNSUPPORTED, "without CLBlast");
        return;
    }
    for (int trans = 0; trans < 4; trans++) {
        const bool ta = trans & 1, tb = trans & 2;
        struct ocelli_tensor *ta_, *tb_, *tc;
        for (int i = 0; i < M * K; i++)
            a[i] = (float)(i % 5 - 2);
        for (int i = 0; i < K * N; i++)
            b[i] = (float)(i % 7 - 3);
        for (int i = 0; i < M * N; i++)
            c[i] = NAN;
        assert_ok(ocelli_tensor_create(&ta_, dev, OCELLI_F32, &OCELLI_SHAPE(M * K)));
        assert_ok(ocelli_tensor_create(&tb_, dev, OCELLI_F32, &OCELLI_SHAPE(K * N)));
        assert_ok(ocelli_tensor_create(&tc, dev, OCELLI_F32, &OCELLI_SHAPE(M * N)));
        assert_ok(ocelli_tensor_write(ta_, a, sizeof(a)));
        assert_ok(ocelli_tensor_write(tb_, b, sizeof(b)));
        assert_ok(ocelli_tensor_write(tc, c, sizeof(c)));
        cl_event done;
        cl_int code;
        cl_command_queue q = clCreateCommandQueueWithProperties(dev->context, dev->id, NULL, &code);
        ck_assert_int_eq(code, CL_SUCCESS);
        struct gemm_call call = {.m = M,
                                 .n = N,
                                 .k = K,
                                 .trans_a = ta,
                                 .trans_b = tb,
                                 .a = ta_->span.buffer->mem,
                                 .b = tb_->span.buffer->mem,
                                 .c = tc->span.buffer->mem};
        assert_ok(clblast_gemm(dev, q, &call, &done));
        ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
        CL_RELEASE(clReleaseEvent, done);
        clReleaseCommandQueue(q);
        assert_ok(ocelli_tensor_read(tc, c, sizeof(c)));
        for (int m = 0; m < M; m++) {
            for (int n = 0; n < N; n++) {
                float sum = 0;
                for (int k = 0; k < K; k++)
                    sum += (ta ? a[k * M + m] : a[m * K + k]) * (tb ? b[n * K + k] : b[k * N + n]);
                ck_assert_float_eq(c[m * N + n], sum);
            }
        }
        ocelli_tensor_destroy(&ta_);
        ocelli_tensor_destroy(&tb_);
        ocelli_tensor_destroy(&tc);
    }
}
END_TEST

START_TEST(codes_have_names)
{
    ck_assert_str_eq(cl_code_name(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES");
    ck_assert_str_eq(cl_code_name(-12345), "unknown code");
    assert_fails(cl_fail(CL_OUT_OF_RESOURCES, "clFoo(a, b)"), OCELLI_ERR_DEVICE,
                 "clFoo: CL_OUT_OF_RESOURCES (-5)");
    assert_fails(cl_fail(CL_OUT_OF_HOST_MEMORY, "clFoo"), OCELLI_ERR_MEMORY, "(-6)");
    assert_fails(cl_fail(CL_BUILD_PROGRAM_FAILURE, "clFoo"), OCELLI_ERR_BUILD, "(-11)");
    ck_assert(quirks_of("Portable Computing Language", "3.1") & QUIRK_SERIAL_BUILD);
    ck_assert_uint_eq(quirks_of("Some Platform", "1"), 0);
}
END_TEST

/* Measured once, known from then on; measuring again can only find more. */
START_TEST(peak_is_kept)
{
    struct ocelli_device *dev;
    struct ocelli_device_peak first, known, again;
    assert_ok(ocelli_device_open(&dev, &(struct ocelli_device_params){.device = "null"}));
    assert_ok(ocelli_device_get_peak(dev, true, &first));
    ck_assert(first.gflops == 0 && first.gbs == 0);
    ocelli_device_close(&dev);
    char dir[] = "/tmp/ocelli-peak-XXXXXX", clean[64];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    setenv("OCELLI_CACHE_DIR", dir, 1);
    assert_ok(ocelli_device_open(&dev, NULL));
    assert_ok(ocelli_device_get_peak(dev, true, &first));
    ck_assert(first.gflops > 0.1 && first.gbs > 0.1);
    assert_ok(ocelli_device_get_peak(dev, false, &known));
    ck_assert_mem_eq(&first, &known, sizeof(first));
    assert_ok(ocelli_device_get_peak(dev, true, &again));
    ck_assert(again.gflops >= first.gflops && again.gbs >= first.gbs);
    ocelli_device_close(&dev);
    unsetenv("OCELLI_CACHE_DIR");
    snprintf(clean, sizeof(clean), "rm -r %s", dir);
    ck_assert_int_eq(system(clean), 0);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "without-driver") == 0)
        return without_driver();
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[MAX(len, 0)] = 0;
    Suite *s = suite_create("device");
    TCase *t = tcase_create("device");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, set_up, tear_down);
    tcase_add_test(t, codes_have_names);
    tcase_add_test(t, lists_devices);
    tcase_add_test(t, opens_by_index_name_kind_and_platform);
    tcase_add_test(t, unknown_device_is_refused_with_what_there_is);
    tcase_add_test(t, no_driver_says_what_to_install);
    tcase_add_test(t, null_device_plans_but_does_not_run);
    tcase_add_test(t, memory_is_counted);
    tcase_add_test(t, tensors_keep_what_is_written);
    tcase_add_test(t, bad_tensors_are_refused);
    tcase_add_test(t, spans_share_a_buffer);
    tcase_add_test(t, programs_are_built_once);
    tcase_add_test(t, threads_build_the_same);
    tcase_add_test(t, a_program_that_does_not_compile_says_where);
    tcase_add_test(t, a_kernel_runs);
    tcase_add_test(t, clblast_multiplies);
    tcase_add_test(t, opening_and_closing_does_not_grow);
    tcase_add_test(t, peak_is_kept);
    suite_add_tcase(s, t);
    return run_suite(s);
}
