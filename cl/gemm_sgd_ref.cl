__kernel void gemm_sgd_ref(SGD_PARAMS, __global const float *restrict a, __global const float *restrict b,
                           int m, int n, int k)
{
    const size_t i = get_global_id(0);
    if (i >= (size_t)m * (size_t)n)
        return;
    const size_t row = i / (size_t)n, col = i - row * (size_t)n;
    float g = 0.0f;
    for (int j = 0; j < k; j++)
        g = FMA(a[(size_t)j * (size_t)m + row], b[(size_t)j * (size_t)n + col], g);
    float at = w[i], speed = SGD_V(i);
    sgd_step(&at, &speed, g, SGD_ARGS);
    SGD_SET_V(i, speed);
    w[i] = at;
}
