/* Times oneDNN's convolutions for tools/compare-conv: one problem a line on standard input,
 * "n groups in_c in_h in_w out_c kernel stride pad", for each the milliseconds of processor time of
 * a run by each algorithm that it has. Formats are its own choice; bias and ReLU are fused. */
#include <dnnl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 9
#define ROUND_SECONDS 0.02

#define DO(call)                                                 \
    do {                                                         \
        if ((call) != dnnl_success) {                            \
            fprintf(stderr, "compare-conv: " #call " failed\n"); \
            exit(1);                                             \
        }                                                        \
    } while (0)

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static double seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static dnnl_memory_t memory_of(const_dnnl_primitive_desc_t pd, dnnl_query_t what, int index)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, what, index);
    dnnl_memory_t m;
    void *data;
    DO(dnnl_memory_create(&m, md, engine, DNNL_MEMORY_ALLOCATE));
    DO(dnnl_memory_get_data_handle(m, &data));
    float *x = data;
    for (size_t i = 0; i < dnnl_memory_desc_get_size(md) / sizeof(float); i++)
        x[i] = (float)((i * 2654435761u) % 2048) / 1024.0f - 1;
    return m;
}

static double run_many(dnnl_primitive_t conv, dnnl_exec_arg_t *arg, int n)
{
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < n; i++)
        DO(dnnl_primitive_execute(conv, stream, 4, arg));
    DO(dnnl_stream_wait(stream));
    return seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
}

/* Milliseconds; below 0: there is no such algorithm for it. */
static double time_conv(const int64_t d[9], dnnl_alg_kind_t kind)
{
    const int64_t n = d[0], g = d[1], c = d[2], m = d[5], k = d[6], s = d[7], p = d[8];
    const int64_t oh = (d[3] + 2 * p - k) / s + 1, ow = (d[4] + 2 * p - k) / s + 1;
    dnnl_memory_desc_t x, w, b, y;
    dnnl_convolution_desc_t cd;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    dnnl_primitive_t conv;
    DO(dnnl_memory_desc_init_by_tag(&x, 4, (dnnl_dims_t){n, c, d[3], d[4]}, dnnl_f32,
                                    dnnl_format_tag_any));
    if (g > 1)
        DO(dnnl_memory_desc_init_by_tag(&w, 5, (dnnl_dims_t){g, m / g, c / g, k, k}, dnnl_f32,
                                        dnnl_format_tag_any));
    else
        DO(dnnl_memory_desc_init_by_tag(&w, 4, (dnnl_dims_t){m, c, k, k}, dnnl_f32,
                                        dnnl_format_tag_any));
    DO(dnnl_memory_desc_init_by_tag(&b, 1, (dnnl_dims_t){m}, dnnl_f32, dnnl_format_tag_any));
    DO(dnnl_memory_desc_init_by_tag(&y, 4, (dnnl_dims_t){n, m, oh, ow}, dnnl_f32,
                                    dnnl_format_tag_any));
    DO(dnnl_convolution_forward_desc_init(&cd, dnnl_forward_inference, kind, &x, &w, &b, &y,
                                          (dnnl_dims_t){s, s}, (dnnl_dims_t){p, p},
                                          (dnnl_dims_t){p, p}));
    DO(dnnl_primitive_attr_create(&attr));
    DO(dnnl_post_ops_create(&ops));
    DO(dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0));
    DO(dnnl_primitive_attr_set_post_ops(attr, ops));
    if (dnnl_primitive_desc_create(&pd, &cd, attr, engine, NULL) != dnnl_success)
        return -1;
    DO(dnnl_primitive_create(&conv, pd));
    dnnl_exec_arg_t arg[] = {
        {DNNL_ARG_SRC, memory_of(pd, dnnl_query_src_md, 0)},
        {DNNL_ARG_WEIGHTS, memory_of(pd, dnnl_query_weights_md, 0)},
        {DNNL_ARG_BIAS, memory_of(pd, dnnl_query_weights_md, 1)},
        {DNNL_ARG_DST, memory_of(pd, dnnl_query_dst_md, 0)},
    };
    double t[ROUNDS];
    int runs = 1;
    while (run_many(conv, arg, runs) < ROUND_SECONDS)
        runs *= 2;
    for (int i = 0; i < ROUNDS; i++)
        t[i] = 1e3 * run_many(conv, arg, runs) / runs;
    qsort(t, ROUNDS, sizeof(*t), by_value);
    for (int i = 0; i < 4; i++)
        dnnl_memory_destroy(arg[i].memory);
    dnnl_primitive_destroy(conv);
    dnnl_primitive_desc_destroy(pd);
    dnnl_post_ops_destroy(ops);
    dnnl_primitive_attr_destroy(attr);
    return t[ROUNDS / 2];
}

int main(void)
{
    char line[256];
    DO(dnnl_engine_create(&engine, dnnl_cpu, 0));
    DO(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    while (fgets(line, sizeof(line), stdin)) {
        int64_t d[9];
        char *s = line;
        for (int i = 0; i < 9; i++)
            d[i] = strtoll(s, &s, 10);
        printf("%.4f %.4f\n", time_conv(d, dnnl_convolution_direct),
               time_conv(d, dnnl_convolution_winograd));
        fflush(stdout);
    }
    return 0;
}
