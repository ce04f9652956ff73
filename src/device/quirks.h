/* What is known about particular drivers and cannot be asked of them. */
#ifndef DEVICE_QUIRKS_H
#define DEVICE_QUIRKS_H

enum quirk {
    QUIRK_SERIAL_BUILD = 1, /* compiling in several threads gains nothing or is not safe */
    QUIRK_NO_BINARY = 2,    /* keep programs from source: binaries lose something */
    QUIRK_RELOAD_BINARY = 4, /* a program made from its own binary has less left to compile */
};

/* The quirks of a device by its platform's name and its driver's version. */
unsigned quirks_of(const char *platform, const char *driver);
/* "serial-build" for the log; NULL for a bit that is none. */
const char *quirk_name(enum quirk q);

#endif
