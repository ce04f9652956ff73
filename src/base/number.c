#include "base/number.h"

#include <math.h>

double half_to_double(uint16_t h)
{
    int e = h >> 10 & 31, f = h & 1023;
    double v = e == 0 ? ldexp(f, -24) : e == 31 ? (f ? NAN : INFINITY) : ldexp(f + 1024, e - 25);

    return h >> 15 ? -v : v;
}

uint16_t double_to_half(double v)
{
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    int e;
    double a = fabs(v);

    if (isnan(v))
        return 0x7e00;
    if (a >= 65520)
        return sign | 0x7c00;
    if (a < ldexp(1, -14))
        return sign | (uint16_t)nearbyint(ldexp(a, 24));
    frexp(a, &e); /* a = f 2^e, f in [1/2, 1): 1.x 2^(e - 1) */
    return sign | (uint16_t)(((e + 14) << 10) + (int)nearbyint(ldexp(a, 11 - e)) - 1024);
}

int64_t whole_number(double v)
{
    if (isnan(v))
        return 0;
    if (v >= 0x1p63)
        return INT64_MAX;
    return v < -0x1p63 ? INT64_MIN : (int64_t)v;
}
