/* From a picture to the input of a network, on the device: cut, resize, cut, order of the colours, scale, mean
 * and standard deviation.
 *
 *     ocelli_preprocess_parse(&p, "torchvision", &OCELLI_SHAPE(1, 3, 224, 224));
 *     ocelli_value x = ocelli_input(g, "picture", OCELLI_U8, &OCELLI_SHAPE(height, width, 3));
 *     ocelli_output(g, "prepared", ocelli_preprocess(g, x, &p));
 */
#ifndef OCELLI_PREPROCESS_H
#define OCELLI_PREPROCESS_H

#include <ocelli/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In the order in which it is done. Zero in a field means its default. */
struct ocelli_preprocess_params {
    int channels;       /* that the network takes: 3 (default), or 1: luma (ITU-R BT.601) */
    float square;       /* the central square of this part of the shorter side is cut out; 0: the whole picture */
    int resize[2];      /* height, width; default: crop's */
    bool keep_ratio;    /* resize[] is the least that both sides have, and one of them has just that; default: it
                           is what the picture is stretched to */
    bool no_antialias;  /* bilinear between neighbouring pixels even when shrinking; default: a triangle that
                           covers all pixels which fall together, as in Pillow and torchvision (within a level of
                           theirs, for nothing is rounded on the way) */
    int crop[2];        /* height, width of the central part that is kept: the network's; default: all */
    bool bgr;           /* channels in the order blue, green, red; mean[] and std[] are of channels in this order */
    bool invert;        /* v becomes 255 - v: ink on paper for networks that know chalk on a board */
    float scale;        /* then v (0 to 255) becomes (scale v - mean[c]) / std[c]; default 1 */
    float mean[3];
    float std[3];       /* default 1 */
};

/* Reads a preset, key=value words, or a preset that words change, between commas:
 *
 *   torchvision   shorter side 8/7 of the network's (256 for 224), centre, /255, means and deviations of ImageNet
 *   caffe         the whole picture to 8/7 (256x256 for 224 and 227), centre, BGR, minus 104, 117, 123
 *   keras         central square of 87.5 %, x / 127.5 - 1
 *   [-1,1]        as torchvision, but x / 127.5 - 1
 *   unit          the whole picture to the network's size, / 255
 *
 *   resize=N      the shorter side to N        resize=HxW     the whole picture to that
 *                                              fit=cover       ..keeping its proportions, so that it covers HxW
 *   crop=N, HxW   the centre of that           square=X       first the central square, X of the shorter side
 *   order=rgb|bgr        scale=X (also 1/255)         mean=A[,B,C]         std=A[,B,C]
 *   antialias=yes|no     invert=yes|no
 *
 * Words alone begin with the whole picture at the network's size, 0 to 255, RGB.
 *
 * input: the network's, N x C x H x W. text NULL: torchvision for three channels from 64x64 on, else unit.
 * Fails: INVALID (what is wrong with the words), SHAPE (the input is no picture, or of another size than crop). */
OCELLI_API int ocelli_preprocess_parse(struct ocelli_preprocess_params *out, const char *text,
                                       const struct ocelli_shape *input);
/* Writes words that ocelli_preprocess_parse() takes for the same, without its end where `size` is too small. */
OCELLI_API void ocelli_preprocess_print(const struct ocelli_preprocess_params *p, char *buf, size_t size);

/* The steps for x, a value of height x width x 1 or 3 bytes (the layout of struct ocelli_image): gives
 * 1 x channels x crop[0] x crop[1] floats.
 * Fails: SHAPE, INVALID, MEMORY. */
OCELLI_API ocelli_value ocelli_preprocess(struct ocelli_graph *g, ocelli_value x,
                                          const struct ocelli_preprocess_params *p);

#ifdef __cplusplus
}
#endif
#endif
