/* C = A B, row by row, as textbooks have it: a tile of WPT_M x WPT_N results a work-item, WIDTH of its columns as a
 * vector. `ocelli tune --spec gemm.json` finds the best of them for a device. */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#if WIDTH == 1
typedef float vec;
#define LOAD(p) (*(p))
#define STORE(v, p) (*(p) = (v))
#else
typedef JOIN(float, WIDTH) vec;
#define LOAD(p) JOIN(vload, WIDTH)(0, p)
#define STORE(v, p) JOIN(vstore, WIDTH)(v, 0, p)
#endif
#define VECTORS (WPT_N / WIDTH)

kernel void gemm(global float *c, global const float *a, global const float *b, int m, int n, int k)
{
    const int row = (int)get_global_id(1) * WPT_M, col = (int)get_global_id(0) * WPT_N;
    vec sum[WPT_M][VECTORS];
    for (int i = 0; i < WPT_M; i++)
        for (int j = 0; j < VECTORS; j++)
            sum[i][j] = (vec)(0.0f);
    for (int p = 0; p < k; p++) {
        for (int j = 0; j < VECTORS; j++) {
            const vec bv = LOAD(b + p * n + col + j * WIDTH);
            for (int i = 0; i < WPT_M; i++)
                sum[i][j] += a[(row + i) * k + p] * bv;
        }
    }
    for (int i = 0; i < WPT_M; i++)
        for (int j = 0; j < VECTORS; j++)
            STORE(sum[i][j], c + (row + i) * n + col + j * WIDTH);
}

/* What is right. */
kernel void gemm_plain(global float *c, global const float *a, global const float *b, int m, int n, int k)
{
    const int col = (int)get_global_id(0), row = (int)get_global_id(1);
    float sum = 0;
    for (int p = 0; p < k; p++)
        sum += a[row * k + p] * b[p * n + col];
    c[row * n + col] = sum;
}
