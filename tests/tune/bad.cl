/* y = x + 1, in ways of which few are right. */
kernel void bad(global float *y, global const float *x, int n)
{
    const int i = (int)get_global_id(0);
#if WAY == 1 /* right, and slow */
    float v = x[i];
    for (int k = 0; k < 3000; k++)
        v = v * 1.0001f + 1e-9f;
    y[i] = x[i] + (v > 1e30f ? 2.0f : 1.0f);
#elif WAY == 2 /* right, and fast */
    y[i] = x[i] + 1.0f;
#elif WAY == 3 /* takes the driver with it */
    y[i] = *(global volatile float *)(size_t)(16 + 4 * (x[i] > 100.0f)) + 1.0f;
#elif WAY == 4 /* never ends */
    global volatile float *p = y;
    while (p[i] < 1e38f || p[i] != p[i])
        p[i] = 0.0f;
#elif WAY == 5 /* one element too many */
    y[i] = x[i] + 1.0f;
    if (i == n - 1)
        y[n] = 1.0f;
#elif WAY == 6 /* one element is wrong */
    y[i] = x[i] + (i == n / 2 ? 2.0f : 1.0f);
#elif WAY == 7 /* wrong one time in ten: depends on what was in y before */
    y[i] = x[i] + (i == 0 && as_uint(y[0]) % 10 == 3 ? 2.0f : 1.0f);
#elif WAY == 8 /* no program */
    y[i] = x[i] +;
#elif WAY == 9 /* changes its input */
    y[i] = x[i] + 1.0f;
    ((global float *)x)[i] = 0.0f;
#endif
}

kernel void right(global float *y, global const float *x, int n)
{
    const int i = (int)get_global_id(0);
    y[i] = x[i] + 1.0f;
}
