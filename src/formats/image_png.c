/* PNG by libpng. Its errors come by longjmp() to read_guarded() and write_guarded(): everything
 * that must be released is reached through struct reader or struct writer. */
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "formats/image.h"

#define PACKING (8 * 1032) /* pixels a byte: 1 bit each, and deflate's best ratio */
#define MAX_CHUNKS 100     /* that are kept besides the picture's own */
#define MAX_CHUNK_BYTES ((size_t)16 << 20)
#define WORDS 200
#define TRUNCATED "truncated"

struct reader {
    struct image_source *s;
    size_t at;
    png_structp png;
    png_infop info;
    char words[WORDS];
};

/* The words go where the reader or writer finds them. */
static void on_error(png_structp png, png_const_charp words)
{
    snprintf(png_get_error_ptr(png), WORDS, "%s", words);
    png_longjmp(png, 1);
}

/* What libpng goes on after is beside the picture. */
static void on_warning(png_structp png, png_const_charp words)
{
    (void)png;
    (void)words;
}

static void take_bytes(png_structp png, png_bytep to, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (n > r->s->bytes - r->at)
        png_error(png, TRUNCATED);
    memcpy(to, r->s->data + r->at, n);
    r->at += n;
}

/* Pixels with opacity, the last of `each` bytes, to as many bytes less: on white, or as they are.
 */
static void drop_alpha(uint8_t *p, size_t n, int each, bool plain)
{
    const uint8_t *from = p;
    for (size_t i = 0; i < n; i++, from += each)
        for (int c = 0; c < each - 1; c++) {
            const unsigned a = plain ? 255 : from[each - 1];
            *p++ = (uint8_t)((from[c] * a + 255 * (255 - a) + 127) / 255);
        }
}

static int read_picture(struct reader *r)
{
    struct ocelli_image *im = r->s->image;
    png_bytep exif;
    png_uint_32 exif_bytes;
    int err;

    png_read_info(r->png, r->info);
    const png_uint_32 w = png_get_image_width(r->png, r->info),
                      h = png_get_image_height(r->png, r->info);
    TRY(image_set_size(r->s, w, h, PACKING)); /* before libpng allocates rows */
    png_set_expand(r->png);
    png_set_scale_16(r->png);
    const int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    const int each = png_get_channels(r->png, r->info), channels = each < 3 ? 1 : 3;
    TRY(image_allocate(r->s, channels, each));
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < h; y++)
            png_read_row(r->png, im->pixels + y * w * (size_t)each, NULL);
    png_read_end(r->png, r->info);
    if (each != channels)
        drop_alpha(im->pixels, (size_t)w * h, each, r->s->limits.drop_alpha);
    if (png_get_eXIf_1(r->png, r->info, &exif_bytes, &exif))
        r->s->orientation = exif_orientation(exif, exif_bytes);
out:
    return err;
}

static int describe(const struct reader *r)
{
    if (strcmp(r->words, TRUNCATED) == 0)
        return fail(OCELLI_ERR_FORMAT, "%s: truncated at byte %zu", r->s->name, r->s->bytes);
    return fail(OCELLI_ERR_FORMAT, "%s: damaged: %s", r->s->name, r->words);
}

/* Apart from the function that has `r`: what changes between setjmp() and longjmp() may not be its
 * own. */
static int read_guarded(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)) != 0)
        return describe(r);
    png_set_read_fn(r->png, r, take_bytes);
    png_set_user_limits(r->png, INT_MAX, INT_MAX);
    png_set_chunk_cache_max(r->png, MAX_CHUNKS);
    png_set_chunk_malloc_max(r->png, MAX_CHUNK_BYTES);
    return read_picture(r);
}

/* libpng allocates what some chunks say that they have, before it reads it: so no chunk may say
 * more than there is. */
static int check_chunks(const struct image_source *s)
{
    const size_t around = 12; /* length, name, checksum */

    for (size_t at = 8; at < s->bytes;) {
        size_t left = s->bytes - at, n;
        if (left < around || (n = png_get_uint_32(s->data + at)) > left - around)
            return fail(OCELLI_ERR_FORMAT, "%s: truncated at byte %zu", s->name, s->bytes);
        if (memcmp(s->data + at + 4, "IEND", 4) == 0)
            break;
        at += around + n;
    }
    return 0;
}

int png_read(struct image_source *s)
{
    struct reader r = {.s = s};
    int err = check_chunks(s);

    if (err)
        return err;
    if ((r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r.words, on_error, on_warning)) &&
        (r.info = png_create_info_struct(r.png)))
        err = read_guarded(&r);
    else
        err = fail_memory();
    png_destroy_read_struct(&r.png, &r.info, NULL);
    return err;
}

/* ---- Writing ---- */

struct writer {
    const struct ocelli_image *image;
    struct file_writer file;
    int err;
    char words[WORDS];
};

static void put_bytes(png_structp png, png_bytep from, size_t n)
{
    struct writer *w = png_get_io_ptr(png);
    if ((w->err = file_write(&w->file, from, n)) != 0)
        png_error(png, "cannot write");
}

static void no_flush(png_structp png)
{
    (void)png;
}

static void write_picture(png_structp png, png_infop info, struct writer *w)
{
    const struct ocelli_image *im = w->image;
    const size_t stride = (size_t)im->width * (size_t)im->channels;
    png_set_write_fn(png, w, put_bytes, no_flush);
    png_set_user_limits(png, INT_MAX, INT_MAX);
    png_set_IHDR(png, info, (png_uint_32)im->width, (png_uint_32)im->height, 8,
                 im->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < (size_t)im->height; y++)
        png_write_row(png, im->pixels + y * stride);
    png_write_end(png, info);
}

static int write_guarded(png_structp png, png_infop info, struct writer *w, const char *path)
{
    if (setjmp(png_jmpbuf(png)) == 0)
        write_picture(png, info, w);
    else if (!w->err)
        w->err = fail(OCELLI_ERR_IO, "%s: cannot write: %s", path, w->words);
    return w->err;
}

static int encode(struct writer *w, const char *path)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, w->words, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    int err = info ? write_guarded(png, info, w, path) : fail_memory();
    png_destroy_write_struct(&png, &info);
    return err;
}

int ocelli_image_write(const struct ocelli_image *im, const char *path)
{
    struct writer w = {.image = im};
    int err;

    if (!im || !im->pixels || im->width < 1 || im->height < 1 ||
        (im->channels != 1 && im->channels != 3))
        return fail(OCELLI_ERR_INVALID, "%s: no picture to write", path);
    TRY(file_create(&w.file, path, 0666));
    TRY(encode(&w, path));
    TRY(file_commit(&w.file));
out:
    file_discard(&w.file);
    return err;
}
