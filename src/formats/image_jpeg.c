/* JPEG by libjpeg. Its errors come by longjmp() to read_guarded(): everything that must be released
 * is reached through struct reader. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/err.h"
#include "formats/image.h"

/* A progressive file needs about ten; each costs a pass over the whole picture. */
#define MAX_SCANS 100
/* Pixels a byte: the first scan takes at least a bit for each 8x8 block of a component. */
#define PACKING 1024
#define EXIF_MARK "Exif\0"
#define EXIF_LEN 6

struct reader {
    struct jpeg_decompress_struct j;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct image_source *s;
    jmp_buf failed;
    char words[JMSG_LENGTH_MAX];
};

static struct reader *reader_of(j_common_ptr j)
{
    return j->client_data;
}

static void on_error(j_common_ptr j)
{
    struct reader *r = reader_of(j);
    j->err->format_message(j, r->words);
    longjmp(r->failed, 1);
}

/* libjpeg goes on after what it calls warnings, with grey where the data are missing. Only what
 * leaves the picture whole passes. */
static void on_message(j_common_ptr j, int level)
{
    const int code = j->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR &&
        code != JWRN_ADOBE_XFORM)
        on_error(j);
}

static void say_nothing(j_common_ptr j)
{
    (void)j;
}

static void on_progress(j_common_ptr j)
{
    struct reader *r = reader_of(j);
    if (r->j.input_scan_number > MAX_SCANS) {
        snprintf(r->words, sizeof(r->words), "more than %d scans", MAX_SCANS);
        longjmp(r->failed, 1);
    }
}

static void find_orientation(struct reader *r)
{
    for (jpeg_saved_marker_ptr m = r->j.marker_list; m; m = m->next)
        if (r->s->orientation == 0 && m->data_length > EXIF_LEN &&
            memcmp(m->data, EXIF_MARK, EXIF_LEN) == 0)
            r->s->orientation = exif_orientation(m->data + EXIF_LEN, m->data_length - EXIF_LEN);
}

/* What libjpeg is to convert to, and the channels that our picture then has. */
static int choose_colours(struct reader *r, int *channels)
{
    struct jpeg_decompress_struct *j = &r->j;
    *channels = 3;
    switch (j->jpeg_color_space) {
    case JCS_GRAYSCALE:
        j->out_color_space = JCS_GRAYSCALE;
        *channels = 1;
        return 0;
    case JCS_RGB:
    case JCS_YCbCr:
        j->out_color_space = JCS_RGB;
        return 0;
    case JCS_CMYK:
    case JCS_YCCK:
        j->out_color_space = JCS_CMYK;
        return 0;
    default:
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: a JPEG picture of %d unknown colours", r->s->name,
                    j->num_components);
    }
}

/* n pixels of four inks to red, green, blue in place. */
static void inks_to_light(uint8_t *p, size_t n, bool inverted)
{
    const uint8_t *from = p;
    for (size_t i = 0; i < n; i++, from += 4, p += 3) {
        unsigned light = inverted ? from[3] : 255u - from[3];
        for (int c = 0; c < 3; c++)
            p[c] = (uint8_t)(((inverted ? from[c] : 255u - from[c]) * light + 127) / 255);
    }
}

static int read_picture(struct reader *r)
{
    struct jpeg_decompress_struct *j = &r->j;
    int channels, err;

    jpeg_mem_src(j, r->s->data, r->s->bytes);
    jpeg_save_markers(j, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(j, TRUE);
    find_orientation(r);
    TRY(choose_colours(r, &channels));
    const int each = j->out_color_space == JCS_CMYK ? 4 : channels;
    TRY(image_set_size(r->s, j->image_width, j->image_height, j->arith_code ? 0 : PACKING));
    TRY(image_allocate(r->s, channels, each));
    (void)jpeg_start_decompress(j);
    for (size_t stride = (size_t)j->output_width * (size_t)each;
         j->output_scanline < j->output_height;) {
        JSAMPROW row = r->s->image->pixels + (size_t)j->output_scanline * stride;
        (void)jpeg_read_scanlines(j, &row, 1);
    }
    (void)jpeg_finish_decompress(j);
    if (each == 4)
        inks_to_light(r->s->image->pixels, (size_t)j->output_width * (size_t)j->output_height,
                      j->saw_Adobe_marker);
out:
    return err;
}

static int describe(const struct reader *r)
{
    if (r->errors.msg_code == JERR_OUT_OF_MEMORY)
        return fail_memory();
    if (r->errors.msg_code == JWRN_JPEG_EOF)
        return fail(OCELLI_ERR_FORMAT, "%s: truncated at byte %zu", r->s->name, r->s->bytes);
    return fail(OCELLI_ERR_FORMAT, "%s: damaged: %s", r->s->name, r->words);
}

/* Apart from the function that has `r`: what changes between setjmp() and longjmp() may not be its
 * own. */
static int read_guarded(struct reader *r)
{
    if (setjmp(r->failed) != 0)
        return describe(r);
    jpeg_create_decompress(&r->j);
    r->j.progress = &r->progress;
    return read_picture(r);
}

int jpeg_read(struct image_source *s)
{
    struct reader r = {.s = s};

    r.j.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.errors.output_message = say_nothing;
    r.progress.progress_monitor = on_progress;
    r.j.client_data = &r;
    int err = read_guarded(&r);
    jpeg_destroy_decompress(&r.j);
    return err;
}
