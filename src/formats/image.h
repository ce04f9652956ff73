/* What the readers of pictures share. */
#ifndef FORMATS_IMAGE_H
#define FORMATS_IMAGE_H

#include <ocelli/image.h>

/* The file being read. The readers leave what they made in `image`, to be freed whatever they
 * return. */
struct image_source {
    const char *name; /* for messages */
    const uint8_t *data;
    size_t bytes;
    struct ocelli_image_params limits; /* none is zero */
    struct ocelli_image *image;
    int orientation; /* EXIF's, 1 to 8; 0: not said */
};

int jpeg_read(struct image_source *s);
int png_read(struct image_source *s);

/* Sets the size unless it is above the limits. packing: pixels that a byte of the file can stand
 * for at most; 0: no bound known. */
int image_set_size(struct image_source *s, uint64_t width, uint64_t height, size_t packing);
/* Then the memory: bytes_each a pixel while it is read, of which `channels` stay. */
int image_allocate(struct image_source *s, int channels, int bytes_each);

/* The orientation that a TIFF header and its first directory tell; 0 where there is none, or
 * something that is no such thing: a picture is not worse for it. */
int exif_orientation(const uint8_t *data, size_t bytes);

#endif
