/* Photographs: decoding, and what a network wants done to them. */
#ifndef OCELLI_IMAGE_H
#define OCELLI_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <ocelli/device.h>
#include <ocelli/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Upright (EXIF orientation applied) RGB, height x width x 3 bytes, whatever the file held: greyscale repeated, CMYK
 * converted, 16 bits reduced, alpha blended on white. */
struct ocelli_image {
    int width, height;
    uint8_t *pixels; /* ocelli_image_free() frees it */
};

/* JPEG or PNG, by content. Fails: IO, FORMAT (damaged; larger than 2^27 pixels), MEMORY.
 * Thread-safety: safe. */
OCELLI_API int ocelli_image_read(struct ocelli_image *out, const char *path);
OCELLI_API int ocelli_image_parse(struct ocelli_image *out, const char *name, const void *data,
                                  size_t bytes);
OCELLI_API void ocelli_image_free(struct ocelli_image *im);

/* In this order: resize (the shorter side, or both), crop the centre, scale and shift each channel, order the
 * channels. value = (pixel * scale - mean[c]) / std[c], c in the order of the output. */
struct ocelli_preprocess {
    int resize_short;             /* of the shorter side, 0: see below */
    int resize_width, resize_height; /* both, whatever the proportions; 0: no resize */
    float crop_fraction;          /* of the shorter side, a centre square before resizing; 0: none */
    int crop_width, crop_height;  /* of the centre after resizing; 0: all */
    bool no_antialias;            /* bilinear over 2 x 2 pixels even when shrinking */
    bool bgr;
    float scale;                  /* default 1 */
    float mean[3], std[3];        /* std default 1 */
};

/* "torchvision" (shorter side 256, centre 224, x / 255, ImageNet mean and std), "caffe" (256 x 256, centre 224,
 * BGR, mean 104 117 123), "keras" (as caffe, mean 103.939 116.779 123.68), "[-1,1]" (central 87.5 %, x / 127.5 - 1);
 * then or instead "key=value" pairs with the field names above, separated by commas. width and height are the
 * network's input: the final crop or size where the preset leaves it open.
 * Fails: INVALID (the message lists names and keys). */
OCELLI_API int ocelli_preprocess_parse(struct ocelli_preprocess *out, const char *text, int width,
                                       int height);

/* Prepares an image into sample n of a float tensor N x 3 x H x W, on the tensor's device. Waits.
 * Fails: INVALID (sizes do not fit), DEVICE, MEMORY. */
OCELLI_API int ocelli_preprocess_run(const struct ocelli_preprocess *p,
                                     const struct ocelli_image *im, struct ocelli_tensor *t, int n);

#ifdef __cplusplus
}
#endif
#endif
