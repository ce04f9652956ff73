#include <ocelli/version.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *ocelli_version(void)
{
    return TEXT(OCELLI_VERSION_MAJOR) "." TEXT(OCELLI_VERSION_MINOR) "." TEXT(OCELLI_VERSION_PATCH);
}
