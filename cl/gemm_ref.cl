/* gemm from the definition: a work-item an element. The strides of op(a) and op(b) are arguments, so all
 * four combinations of transposes are one program. */
__kernel void gemm_ref(__global FH *restrict y, __global const FH *restrict a,
                       __global const FH *restrict b, int m, int n, int k, int a_row, int a_col,
                       int b_row, int b_col EPI_PARAMS)
{
    const size_t i = get_global_id(0);
    if (i >= (size_t)m * (size_t)n)
        return;
    const size_t row = i / (size_t)n, col = i - row * (size_t)n;
    float v = 0.0f;
    for (int j = 0; j < k; j++)
        v = FMA(fh_load(a, row * (size_t)a_row + (size_t)j * (size_t)a_col),
                fh_load(b, (size_t)j * (size_t)b_row + col * (size_t)b_col), v);
    fh_store(y, i, epi(v, i, (int)col EPI_ARGS));
}
