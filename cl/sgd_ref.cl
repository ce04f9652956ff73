__kernel void sgd_ref(__global float *restrict w, __global const float *restrict g,
                      __global const float *restrict lr,
#ifdef MOMENTUM
                      __global float *restrict v,
#endif
                      float momentum, float decay, int n)
{
    const int i = get_global_id(0);
    const float rate = lr[0];
    if (i < n) {
        float d = g[i] + decay * w[i];
#ifdef MOMENTUM
        const float u = momentum * v[i] + d;
        v[i] = u;
#ifdef NESTEROV
        d += momentum * u;
#else
        d = u;
#endif
#endif
        w[i] -= rate * d;
    }
}
