/* oneDNN's matrix product M N K, timed: for tools/compare. Weights in the layout it likes best. Or "peak":
 * 1 GFLOP of multiply-adds in registers.
 *
 * Prints the median milliseconds of a run, on the clock and of processor time. */
#define _GNU_SOURCE
#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 15
#define CHECK(call)                                      \
    do {                                                 \
        dnnl_status_t s_ = (call);                       \
        if (s_ != dnnl_success) {                        \
            fprintf(stderr, "%s: %d\n", #call, (int)s_); \
            exit(1);                                     \
        }                                                \
    } while (0)

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Memory in the layout that the primitive asks for, filled with small numbers. */
static dnnl_exec_arg_t operand(const_dnnl_primitive_desc_t pd, dnnl_query_t what, int arg)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, what, 0);
    dnnl_exec_arg_t a = {arg, NULL};
    void *p;
    CHECK(dnnl_memory_create(&a.memory, md, engine, DNNL_MEMORY_ALLOCATE));
    CHECK(dnnl_memory_get_data_handle(a.memory, &p));
    for (size_t i = 0; i < dnnl_memory_desc_get_size(md) / sizeof(float); i++)
        ((float *)p)[i] = (float)(i % 17) / 16 - 0.5f;
    return a;
}

/* The vectors are this processor's: build with -march=native. */
#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif
#define CHAINS 12 /* hide the latency, and fit any processor's registers */
typedef float vec __attribute__((vector_size(4 * LANES)));
static float sink;

static void peak(void *unused)
{
    const int threads = omp_get_max_threads(), n = (int)(1e9 / (2.0 * LANES * CHAINS * threads));
    (void)unused;
#pragma omp parallel for
    for (int t = 0; t < threads; t++) {
        vec acc[CHAINS];
        const vec a = (vec){0} + 0.999f, b = (vec){0} + (float)threads;
        for (int k = 0; k < CHAINS; k++)
            acc[k] = b + (float)k;
        for (int i = 0; i < n; i++)
#pragma GCC unroll 12
            for (int k = 0; k < CHAINS; k++)
                acc[k] = acc[k] * a + b;
        for (int k = 1; k < CHAINS; k++)
            acc[0] += acc[k];
#pragma omp critical
        sink += acc[0][0];
    }
}

struct product {
    dnnl_primitive_t run;
    dnnl_exec_arg_t arg[3];
};

static void multiply(void *product)
{
    const struct product *p = product;
    CHECK(dnnl_primitive_execute(p->run, stream, 3, p->arg));
}

static void time_it(void (*run)(void *), void *what)
{
    double wall[ROUNDS], busy[ROUNDS];
    int n = 1;
    for (int r = -2; r < ROUNDS; r++) {
        const double w = seconds(CLOCK_MONOTONIC), b = seconds(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < n; i++)
            run(what);
        CHECK(dnnl_stream_wait(stream));
        const double took = seconds(CLOCK_MONOTONIC) - w;
        if (r < 0) { /* rounds of 20 ms */
            n = took / n < 0.02 ? (int)(0.02 * n / took) + 1 : 1;
            continue;
        }
        wall[r] = took / n;
        busy[r] = (seconds(CLOCK_PROCESS_CPUTIME_ID) - b) / n;
    }
    qsort(wall, ROUNDS, sizeof(*wall), by_value);
    qsort(busy, ROUNDS, sizeof(*busy), by_value);
    printf("%.6f %.6f\n", 1e3 * wall[ROUNDS / 2], 1e3 * busy[ROUNDS / 2]);
}

static dnnl_memory_desc_t any(int rank, const dnnl_dim_t *dims, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t md;
    CHECK(dnnl_memory_desc_init_by_tag(&md, rank, dims, dnnl_f32, tag));
    return md;
}

static dnnl_primitive_desc_t gemm(const dnnl_dim_t *v)
{
    const dnnl_memory_desc_t a = any(2, (dnnl_dim_t[]){v[0], v[2]}, dnnl_ab),
                             b = any(2, (dnnl_dim_t[]){v[2], v[1]}, dnnl_format_tag_any),
                             y = any(2, (dnnl_dim_t[]){v[0], v[1]}, dnnl_ab);
    dnnl_matmul_desc_t d;
    dnnl_primitive_desc_t pd;
    CHECK(dnnl_matmul_desc_init(&d, &a, &b, NULL, &y));
    CHECK(dnnl_primitive_desc_create(&pd, &d, NULL, engine, NULL));
    return pd;
}

int main(int argc, char **argv)
{
    dnnl_dim_t v[3];
    struct product p;
    const int only_peak = argc == 2 && strcmp(argv[1], "peak") == 0;
    if (argc != 4 && !only_peak) {
        fprintf(stderr, "usage: dnnl M N K | peak\n");
        return 2;
    }
    CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
    CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    if (only_peak) {
        time_it(peak, NULL);
        return sink == 0;
    }
    for (int i = 0; i < 3; i++)
        v[i] = atoll(argv[i + 1]);
    const_dnnl_primitive_desc_t pd = gemm(v);
    p.arg[0] = operand(pd, dnnl_query_src_md, DNNL_ARG_SRC);
    p.arg[1] = operand(pd, dnnl_query_weights_md, DNNL_ARG_WEIGHTS);
    p.arg[2] = operand(pd, dnnl_query_dst_md, DNNL_ARG_DST);
    CHECK(dnnl_primitive_create(&p.run, pd));
    time_it(multiply, &p);
    return 0;
}
