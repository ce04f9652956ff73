__kernel void sgd_ref(SGD_PARAMS, __global const float *restrict g, int n)
{
    const int i = get_global_id(0);
    if (i < n) {
        float at = w[i], speed = SGD_V(i);
        sgd_step(&at, &speed, g[i], SGD_ARGS);
        SGD_SET_V(i, speed);
        w[i] = at;
    }
}
