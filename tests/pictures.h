/* Pictures as files in memory, made by libjpeg and libpng themselves. */
#ifndef TESTS_PICTURES_H
#define TESTS_PICTURES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#include "base/mem.h"
#include "test.h"

struct bytes {
    uint8_t *p;
    size_t n, cap;
};

static inline void bytes_add(struct bytes *b, const void *p, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n);
        b->p = realloc(b->p, b->cap);
        ck_assert_ptr_nonnull(b->p);
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

/* A TIFF header whose first directory says only this orientation, behind one other entry. */
static inline void exif_make(uint8_t out[38], int orientation, bool big_endian)
{
    static const uint8_t entries[3][2] = {{0, 2}, {1, 0}, {1, 0x12}};
    memset(out, 0, 38);
    memcpy(out, big_endian ? "MM\0*" : "II*\0", 4);
    const int high = big_endian ? 0 : 1, low = !high;
    out[big_endian ? 7 : 4] = 8;
    out[8 + high] = entries[0][0];
    out[8 + low] = entries[0][1];
    for (int i = 0; i < 2; i++) {
        uint8_t *e = out + 10 + 12 * i;
        e[high] = entries[1 + i][0];
        e[low] = entries[1 + i][1];
        e[2 + low] = 3;                    /* SHORT */
        e[4 + (big_endian ? 3 : 0)] = 1;   /* one of them */
        e[8 + low] = (uint8_t)(i ? orientation : 99);
    }
}

/* ---- JPEG ---- */

struct jpeg_kind {
    int width, height, channels; /* 1, 3 or 4 */
    J_COLOR_SPACE in, file;
    bool adobe, progressive, arithmetic;
    bool separate; /* a scan each component */
    int orientation; /* 0: no EXIF */
    bool big_endian;
};

static inline struct bytes jpeg_make(const struct jpeg_kind *k, const uint8_t *pixels)
{
    struct jpeg_compress_struct j = {0};
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long n = 0;
    j.err = jpeg_std_error(&errors);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &out, &n);
    j.image_width = (JDIMENSION)k->width;
    j.image_height = (JDIMENSION)k->height;
    j.input_components = k->channels;
    j.in_color_space = k->in;
    jpeg_set_defaults(&j);
    jpeg_set_colorspace(&j, k->file);
    jpeg_set_quality(&j, 100, TRUE);
    for (int c = 0; c < j.num_components; c++)
        j.comp_info[c].h_samp_factor = j.comp_info[c].v_samp_factor = 1;
    j.write_Adobe_marker = k->adobe;
    j.arith_code = k->arithmetic;
    static const jpeg_scan_info scans[3] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    if (k->separate) {
        j.scan_info = scans;
        j.num_scans = k->channels;
    }
    if (k->progressive)
        jpeg_simple_progression(&j);
    jpeg_start_compress(&j, TRUE);
    if (k->orientation) {
        uint8_t marker[6 + 38] = "Exif\0";
        exif_make(marker + 6, k->orientation, k->big_endian);
        jpeg_write_marker(&j, JPEG_APP0 + 1, marker, sizeof(marker));
    }
    while (j.next_scanline < j.image_height) {
        JSAMPROW row = (JSAMPROW)pixels + (size_t)j.next_scanline * (size_t)(k->width * k->channels);
        (void)jpeg_write_scanlines(&j, &row, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    struct bytes b = {0};
    bytes_add(&b, out, n);
    free(out);
    return b;
}

/* ---- PNG ---- */

struct png_kind {
    int width, height, type, depth; /* PNG_COLOR_TYPE_.. */
    bool interlaced;
    int orientation;
    int clear; /* palette: this entry is half transparent; grey: this level is transparent; -1: none */
};

static inline void png_put(png_structp png, png_bytep p, size_t n)
{
    bytes_add(png_get_io_ptr(png), p, n);
}

static inline void png_put_end(png_structp png)
{
    (void)png;
}

/* Rows as PNG packs them; palette entry i is {i, 2 i, 255 - i}. */
static inline struct bytes png_make(const struct png_kind *k, const uint8_t *rows, size_t stride)
{
    struct bytes b = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t exif[38], opacity[256];
    png_color palette[256];
    ck_assert(setjmp(png_jmpbuf(png)) == 0);
    png_set_write_fn(png, &b, png_put, png_put_end);
    png_set_IHDR(png, info, (png_uint_32)k->width, (png_uint_32)k->height, k->depth, k->type,
                 k->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < 256; i++) {
        palette[i] = (png_color){(png_byte)i, (png_byte)(2 * i), (png_byte)(255 - i)};
        opacity[i] = i == k->clear ? 128 : 255;
    }
    if (k->type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << k->depth);
    if (k->clear >= 0 && k->type == PNG_COLOR_TYPE_PALETTE)
        png_set_tRNS(png, info, opacity, 1 << k->depth, NULL);
    else if (k->clear >= 0)
        png_set_tRNS(png, info, NULL, 0, &(png_color_16){.gray = (png_uint_16)k->clear});
    if (k->orientation) {
        exif_make(exif, k->orientation, true);
        png_set_eXIf_1(png, info, sizeof(exif), exif);
    }
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < k->height; y++)
            png_write_row(png, rows + (size_t)y * stride);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return b;
}

#endif
