__kernel void adaptive_ref(__global float *restrict w, __global const float *restrict g,
                           __global const float *restrict lr, __global float *restrict s,
#ifdef HAS_M
                           __global float *restrict m,
#endif
#ifdef KIND_adam
                           __global const float *restrict runs,
#endif
                           float momentum, float decay, float epsilon, float weight_decay, int n)
{
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const float rate = lr[0];
    float v = w[i], d = g[i];
#ifdef DECOUPLED
    v -= rate * weight_decay * v;
#else
    d += weight_decay * v;
#endif
#ifdef KIND_adagrad
    const float t = s[i] + d * d;
    d = d / (sqrt(t) + epsilon);
#else
    const float t = decay * s[i] + (1.0f - decay) * d * d;
#endif
#ifdef KIND_rmsprop
    d = d / (sqrt(t) + epsilon);
#ifdef HAS_M
    d += momentum * m[i];
    m[i] = d;
#endif
#endif
#ifdef KIND_adam
    /* What the averages lack for having begun at 0. */
    const float step_number = runs[0] + 1.0f;
    const float u = momentum * m[i] + (1.0f - momentum) * d;
    m[i] = u;
    d = u / (1.0f - pow(momentum, step_number)) /
        (sqrt(t / (1.0f - pow(decay, step_number))) + epsilon);
#endif
    s[i] = t;
    w[i] = v - rate * d;
}
