/* Finding, asking and opening devices: what device.c, discover.c, caps.c and opencl.c share. */
#ifndef DEVICE_DISCOVER_H
#define DEVICE_DISCOVER_H

#include "device/cl.h"

struct found {
    cl_platform_id platform;
    cl_device_id id;
    cl_device_type types; /* a simulator may be several kinds at once */
    struct ocelli_device_info info;
    struct caps caps;
};

/* Every device that can be used, in the loader's order, free() it; the default is marked. Platforms
 * and devices that do not answer are left out with a warning; when nothing is left their error is
 * returned, or NO_DEVICE. */
int discover(const struct log *log, struct found **out, int *n);
/* Which of them the request means; device and platform as in ocelli_device_params, from the
 * environment where NULL. When it asks for the null device, *pick is -1. */
int discover_pick(const struct found *list, int n, const char *device, const char *platform,
                  int *pick);
/* The device the parameters and environment ask for; "" where they do not care. */
const char *wanted_device(const char *device);

/* device.c. A device without anything of OpenCL's yet, then with its queue and programs: the
 * context is set in between. ocelli_device_close() takes it in either state. */
int device_make(struct ocelli_device **out, const struct found *f,
                const struct ocelli_device_params *p);
int device_start(struct ocelli_device *dev, int lanes, cl_command_queue given);

/* caps.c. Asks a device; `as` is the kind it is to be used as where it is several; NULL: the best.
 */
int caps_query(struct found *f, enum ocelli_device_type as);
/* OCELLI_STYLE in the environment: "gpu" or "cpu", the families whose kernels to use whatever the device is.
 * As a graphics processor a CPU has only the work-groups and local memory that all of those have. */
int caps_style(struct caps *c);
void caps_null(struct ocelli_device_info *info, struct caps *caps);
bool has_kind(cl_device_type types, enum ocelli_device_type type);
const char *kind_word(enum ocelli_device_type type); /* "cpu" */

#endif
