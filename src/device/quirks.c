#include "device/quirks.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

/* A substring of the platform's name, and of the driver's version (NULL: any). Never the vendor id:
 * PoCL reports Intel's for any CPU. */
static const struct {
    const char *platform, *driver;
    unsigned quirks;
} table[] = {
    /* Locks LLVM for a whole context: two threads gained a tenth (3.1, 2 cores). Compiles a kernel once
     * for its binary and again at its first launch, unless the program was made from that binary. */
    {"Portable Computing Language", NULL, QUIRK_SERIAL_BUILD | QUIRK_RELOAD_BINARY},
    /* Its reports show the source line only of programs built from source. */
    {"Oclgrind", NULL, QUIRK_SERIAL_BUILD | QUIRK_NO_BINARY},
};

unsigned quirks_of(const char *platform, const char *driver)
{
    unsigned bits = 0;
    for (size_t i = 0; i < COUNT(table); i++)
        if (strstr(platform, table[i].platform) &&
            (!table[i].driver || strstr(driver, table[i].driver)))
            bits |= table[i].quirks;
    return bits;
}

const char *quirk_name(enum quirk q)
{
    switch (q) {
    case QUIRK_SERIAL_BUILD:
        return "serial-build";
    case QUIRK_NO_BINARY:
        return "no-binary";
    case QUIRK_RELOAD_BINARY:
        return "reload-binary";
    }
    return NULL;
}
