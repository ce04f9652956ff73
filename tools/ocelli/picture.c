/* Images as characters. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define PER_ROW 5
#define GAP 2       /* columns between images */
#define MAX_CELL 28 /* characters that one image may be wide */

enum style { STYLE_COLOUR, STYLE_BLOCKS, STYLE_ASCII };

struct canvas {
    enum style style;
    int cell;        /* characters an image is wide; it is half as many lines high */
    int step;        /* pixels a character column */
    uint8_t *pixels; /* of one image */
};

/* Mean over colours and a step x step block of pixels whose corner is (y, x), 0 outside. */
static int shade(const struct ocelli_dataset_info *info, const uint8_t *p, int y, int x, int step)
{
    int sum = 0, n = 0;

    for (int c = 0; c < info->channels; c++)
        for (int i = y; i < y + step && i < info->height; i++)
            for (int j = x; j < x + step && j < info->width; j++, n++)
                sum += p[((int64_t)c * info->height + i) * info->width + j];
    return n ? sum / n : 0;
}

/* One character: the pixel blocks at rows 2 line and 2 line + 1. */
static void draw_cell(const struct canvas *v, const struct ocelli_dataset_info *info, int line,
                      int column)
{
    static const char *const blocks[] = {" ", "░", "▒", "▓", "█"};
    static const char ascii[] = " .:-=+*#%@";
    int top = shade(info, v->pixels, 2 * line * v->step, column * v->step, v->step);
    int low = shade(info, v->pixels, (2 * line + 1) * v->step, column * v->step, v->step);
    int mean = (top + low) / 2;

    /* 232 to 255 are the greys of the 256-colour palette. */
    if (v->style == STYLE_COLOUR)
        out("\033[38;5;%d;48;5;%dm▀", 232 + top * 23 / 255, 232 + low * 23 / 255);
    else if (v->style == STYLE_BLOCKS)
        out("%s", blocks[mean * 5 / 256]);
    else
        out("%c", ascii[mean * 10 / 256]);
}

static void captions(const struct ocelli_dataset *ds, int first, int last, const int *predicted,
                     int cell)
{
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(ds);

    for (int row = 0; row < 2; row++) {
        for (int i = first; i < last; i++) {
            char text[64];
            int label = 0;

            ocelli_dataset_get(ds, i, NULL, &label);
            if (row == 0)
                snprintf(text, sizeof(text), "%s", info->class_names[label]);
            else if (predicted[i] == label)
                snprintf(text, sizeof(text), "= right");
            else
                snprintf(text, sizeof(text), "! %s",
                         predicted[i] >= 0 && predicted[i] < info->classes
                             ? info->class_names[predicted[i]]
                             : "?");
            out("%*s%-*.*s", i > first ? GAP : 0, "", cell, cell, text);
        }
        out("\n");
    }
}

void draw_images(const struct ocelli_dataset *ds, int n, const int *predicted)
{
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(ds);
    struct canvas v = {.style = !terminal_utf8()    ? STYLE_ASCII
                                : terminal_colour() ? STYLE_COLOUR
                                                    : STYLE_BLOCKS};
    int room = (terminal_width(STDOUT_FILENO) - 1 - GAP * (PER_ROW - 1)) / PER_ROW;

    v.pixels = malloc((size_t)info->channels * (size_t)info->height * (size_t)info->width);
    if (!v.pixels)
        return;
    room = room > MAX_CELL ? MAX_CELL : room < 7 ? 7 : room;
    v.step = (info->width + room - 1) / room;
    v.cell = (info->width + v.step - 1) / v.step;
    int lines = (info->height + 2 * v.step - 1) / (2 * v.step);

    for (int first = 0; first < n; first += PER_ROW) {
        int last = first + PER_ROW < n ? first + PER_ROW : n;

        for (int line = 0; line < lines; line++) {
            for (int i = first; i < last; i++) {
                ocelli_dataset_get(ds, i, v.pixels, NULL);
                out("%*s", i > first ? GAP : 0, "");
                for (int column = 0; column < v.cell; column++)
                    draw_cell(&v, info, line, column);
                out("%s", v.style == STYLE_COLOUR ? "\033[0m" : "");
            }
            out("\n");
        }
        captions(ds, first, last, predicted, v.cell);
    }
    free(v.pixels);
}
