#include "tune/setting.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *setting_next(const char *s, struct setting_word *w)
{
    size_t n = 0;
    char *end;
    s += strspn(s, " ");
    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    if (n == 0 || n >= sizeof(w->name) || s[n] != '=')
        return NULL;
    memcpy(w->name, s, n);
    w->name[n] = '\0';
    s += n + 1;
    if (!isdigit((unsigned char)*s) && *s != '-')
        return NULL;
    errno = 0;
    long v = strtol(s, &end, 10);
    if (end == s || errno || v < INT_MIN || v > INT_MAX || (*end && *end != ' '))
        return NULL;
    w->value = (int)v;
    return end;
}

bool setting_is_sane(const char *s)
{
    struct setting_word w;
    while (*s) {
        s = setting_next(s, &w);
        if (!s)
            return false;
        s += strspn(s, " ");
    }
    return true;
}

void setting_print(const struct variant *v, const int *tv, struct text *out)
{
    text_add(out, "%s", "");
    for (int i = 0; v->tunables && v->tunables[i].name; i++)
        text_add(out, "%s%s=%d", i ? " " : "", v->tunables[i].name, tv[i]);
}

static bool is_declared(const struct tunable *t, int value)
{
    for (const int *v = t->values; *v; v++)
        if (*v == value)
            return true;
    return false;
}

bool setting_parse(const char *s, const struct variant *v, int tv[MAX_TUNABLES])
{
    struct setting_word w;
    unsigned seen = 0;
    int n = 0;
    memset(tv, 0, MAX_TUNABLES * sizeof(*tv));
    while (v->tunables && v->tunables[n].name)
        n++;
    if (!setting_is_sane(s))
        return false;
    while ((s = setting_next(s, &w))) {
        int i = 0;
        while (i < n && strcmp(v->tunables[i].name, w.name) != 0)
            i++;
        if (i == n || (seen >> i & 1) || !is_declared(&v->tunables[i], w.value))
            return false;
        seen |= 1u << i;
        tv[i] = w.value;
    }
    return seen == (1u << n) - 1;
}
