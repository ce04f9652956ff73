/* gemm_packed from the definition: a work-item an element. */
__kernel void gemm_packed_ref(__global float *restrict y, __global const float *restrict a,
                              __global const float *restrict b, int m, int n, int k,
                              int block EPI_PARAMS)
{
    const size_t i = get_global_id(0);
    if (i >= (size_t)m * (size_t)n)
        return;
    const size_t row = i / (size_t)n, col = i - row * (size_t)n;
    b += col / (size_t)block * (size_t)k * (size_t)block + col % (size_t)block;
    float v = 0.0f;
    for (int j = 0; j < k; j++)
        v = FMA(a[row * (size_t)k + (size_t)j], b[(size_t)j * (size_t)block], v);
    y[i] = epi(v, i, (int)col EPI_ARGS);
}
