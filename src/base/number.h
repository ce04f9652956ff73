/* Numbers from one form to another, defined for every value. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdint.h>

/* IEEE 754 binary16; to the nearest, halfway to even. */
double half_to_double(uint16_t h);
uint16_t double_to_half(double v);
/* Towards zero; what does not fit becomes the nearest that does, NaN 0. */
int64_t whole_number(double v);

#endif
