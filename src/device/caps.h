/* What a device can do, as plain data: all that planning may know of a device. */
#ifndef DEVICE_CAPS_H
#define DEVICE_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocelli/device.h>

struct caps {
    enum ocelli_device_type type;
    bool cpu_style; /* kernels of the CPU families: one work-item a group, register tiles */
    int compute_units;
    int vector_width; /* of the CPU families: 4, 8 or 16 floats */
    size_t max_group; /* work-items a work-group */
    size_t max_item[3];
    size_t local_bytes;
    size_t align; /* bytes; a sub-buffer starts at a multiple of it */
    uint64_t memory_bytes;
    uint64_t max_alloc;
    bool fp16, fp64;
    bool out_of_order;
    bool command_buffer;
    bool unified_memory;
    bool exact;   /* only variants that add up the products themselves; not of a device, but of a plan */
    bool clblast; /* built with CLBlast and the device can use it */
    unsigned quirks; /* enum quirk of quirks.h */
};

/* From now on the kernels of graphics processors, within limits that all of these keep. */
void caps_graphics(struct caps *c);

#endif
