/* Pictures brought to a size on the host. */
#ifndef DATA_RESAMPLE_H
#define DATA_RESAMPLE_H

#include <ocelli/image.h>

/* Resizes so that both sides cover height x width and cuts out the middle: channels x height x
 * width bytes, one channel of a colour picture being its luma (ITU-R BT.601). Shrinking, all pixels
 * that fall together count (a triangle, as the device's preprocessing has it). Fails: MEMORY. */
int resample_cover(const struct ocelli_image *src, int channels, int height, int width,
                   uint8_t *dst);

#endif
