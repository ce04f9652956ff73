/* Text as it comes in files. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of the UTF-8 sequence at s and its code point; 0: it is none. */
int utf8_next(const char *s, uint32_t *code);
bool utf8_valid(const char *s);

#endif
