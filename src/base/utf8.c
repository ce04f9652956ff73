#include "base/utf8.h"

#include "base/mem.h"

int utf8_next(const char *text, uint32_t *code)
{
    static const struct {
        unsigned char mask, lead;
        int more;
        uint32_t least;
    } kinds[] = {
        {0x80, 0, 0, 0}, {0xe0, 0xc0, 1, 0x80}, {0xf0, 0xe0, 2, 0x800}, {0xf8, 0xf0, 3, 0x10000}};
    const unsigned char *s = (const unsigned char *)text;

    for (size_t k = 0; k < COUNT(kinds); k++) {
        uint32_t c = s[0] & ~kinds[k].mask & 0xff;
        if ((s[0] & kinds[k].mask) != kinds[k].lead)
            continue;
        for (int i = 1; i <= kinds[k].more; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (s[i] & 0x3f);
        }
        *code = c;
        bool bad = c < kinds[k].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000);
        return bad ? 0 : kinds[k].more + 1;
    }
    return 0;
}

bool utf8_valid(const char *s)
{
    uint32_t c;

    for (int n; *s; s += n)
        if ((n = utf8_next(s, &c)) == 0)
            return false;
    return true;
}
