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
#ifdef DECOUPLED
        const float old = w[i] - rate * decay * w[i];
        float d = g[i];
#else
        const float old = w[i];
        float d = g[i] + decay * old;
#endif
#ifdef MOMENTUM
        const float u = momentum * v[i] + d;
        v[i] = u;
#ifdef NESTEROV
        d += momentum * u;
#else
        d = u;
#endif
#endif
        w[i] = old - rate * d;
    }
}
