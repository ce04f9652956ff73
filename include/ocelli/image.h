/* Pictures in host memory, and the files that hold them: JPEG and PNG. */
#ifndef OCELLI_IMAGE_H
#define OCELLI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocelli/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Row by row from the top, pixels from the left, without gaps. */
struct ocelli_image {
    int width, height;
    int channels;    /* 1: grey, 3: red, green, blue; as the file has it */
    uint8_t *pixels; /* height x width x channels; ocelli_image_destroy() frees it */
};

/* Zero in a field means its default. */
struct ocelli_image_params {
    uint64_t max_pixels; /* larger pictures are refused before anything is allocated; default 2^28,
                            or less: two copies in a quarter of the machine's memory */
    uint64_t max_bytes;  /* larger files are refused; default 2^30 */
    bool drop_alpha;     /* the colours as they are stored, opacity ignored, as Pillow's
                            convert("RGB") has them; default: as a viewer shows it on white */
    bool no_orientation; /* the picture as it is stored, however the camera was held */
};

/* Reads a JPEG or PNG file, told apart by content. What becomes of
 *   EXIF orientation   all eight are applied (JPEG, and eXIf in PNG)
 *   CMYK, YCCK         red = (1 - cyan) (1 - black) ..; inverted where Adobe's marker says that they are
 *   16 bit, 1, 2, 4 bit, palette, transparent colours   8 bit a channel
 *   opacity            see drop_alpha
 *   colour profiles, gamma   ignored, as the tools that networks are trained with do
 * A file that ends early or whose data are damaged is an error, never half a picture.
 * Fails: IO, FORMAT (damaged, truncated, larger than max_bytes, no picture at all), UNSUPPORTED
 * (another format, by its name), INVALID (above max_pixels), MEMORY. The message names the file.
 * Thread-safety: safe. */
OCELLI_API int ocelli_image_read(struct ocelli_image **out, const char *path,
                                 const struct ocelli_image_params *p);
/* The same from memory. `name` is for messages. */
OCELLI_API int ocelli_image_parse(struct ocelli_image **out, const char *name, const void *data,
                                  size_t bytes, const struct ocelli_image_params *p);
/* As PNG, written aside, synced, renamed.
 * Fails: INVALID (no picture), IO, MEMORY. Thread-safety: safe. */
OCELLI_API int ocelli_image_write(const struct ocelli_image *image, const char *path);
OCELLI_API void ocelli_image_destroy(struct ocelli_image **image);

#ifdef __cplusplus
}
#endif
#endif
