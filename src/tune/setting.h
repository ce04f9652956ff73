/* Settings of tunables as text, "PX=7 NV=2". What comes out is range-checked integers: nothing of
 * the text ever reaches a compiler. */
#ifndef TUNE_SETTING_H
#define TUNE_SETTING_H

#include "ops/op.h"

#define SETTING_NAME_MAX 64

struct setting_word {
    char name[SETTING_NAME_MAX];
    int value;
};
/* The next NAME=INTEGER; returns where to go on, NULL: no more, or none. */
const char *setting_next(const char *s, struct setting_word *w);
/* Nothing but such words. */
bool setting_is_sane(const char *s);

void setting_print(const struct variant *v, const int *tv, struct text *out);
/* Every tunable once, each with one of the values that it declares. */
bool setting_parse(const char *s, const struct variant *v, int tv[MAX_TUNABLES]);

#endif
