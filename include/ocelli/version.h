#ifndef OCELLI_VERSION_H
#define OCELLI_VERSION_H

#include <ocelli/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the headers. meson.build reads its version from here. */
#define OCELLI_VERSION_MAJOR 0
#define OCELLI_VERSION_MINOR 1
#define OCELLI_VERSION_PATCH 0

/* Of the library at run time: "0.1.0".
 * Thread-safety: safe. */
OCELLI_API const char *ocelli_version(void);

#ifdef __cplusplus
}
#endif
#endif
