/* What ocelli classify prints. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "classify.h"

#define MAX_BAR 30
#define UNLIKELY 0.05 /* a trained network is surer of something, of pictures as it knows them */

static const char *label_of(const struct classify *s, int c, char buf[32])
{
    if (s->labels.n)
        return s->labels.name[c];
    snprintf(buf, 32, "class %d", c);
    return buf;
}

void classify_json(struct classify *s, const char *file, const struct ocelli_image *im, int n)
{
    json_t *top = json_array();

    for (int i = 0; i < n; i++) {
        int c = s->order[i];
        json_t *label = s->labels.n ? json_string(s->labels.name[c]) : NULL;

        json_array_append_new(top, json_pack("{s:i, s:o, s:o}", "class", c, "label",
                                             label ? label : json_null(), "probability",
                                             json_number(s->p[c])));
    }
    json_array_append_new(s->images,
                          json_pack("{s:s, s:i, s:i, s:b, s:o}", "file", file, "width", im->width,
                                    "height", im->height, "softmax", (int)s->softmax, "top", top));
}

/* Columns that UTF-8 text takes, combining characters aside. */
static int columns_of(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

/* As much of the text as fits, filled up with blanks. */
static void print_fitting(const char *s, int columns)
{
    int n = 0, bytes = 0;

    for (; s[bytes]; bytes++)
        if ((s[bytes] & 0xc0) != 0x80 && n++ == columns)
            break;
    n = n > columns ? columns : n;
    out("%.*s%*s", bytes, s, columns - n, "");
}

static void print_bar(double p, int width)
{
    const char *mark = terminal_utf8() ? "\xe2\x96\x88" : "#"; /* U+2588, a full block */
    int n = (int)lround(p * width);

    out(n > 0 ? "  " : "");
    for (int i = 0; i < n; i++)
        out("%s", mark);
}

void classify_table(const struct classify *s, const char *file, const struct ocelli_image *im,
                    int n)
{
    bool terminal = isatty(STDOUT_FILENO);
    int width = terminal_width(STDOUT_FILENO) - 14, bar = terminal ? width / 3 : 0, room = 0;
    char buf[32];

    progress_clear();
    if (s->cli->quiet) {
        out("%s\t%s\t%.6f\n", file, label_of(s, s->order[0], buf), s->p[s->order[0]]);
        return;
    }
    bar = bar > MAX_BAR ? MAX_BAR : bar < 0 ? 0 : bar;
    for (int i = 0; i < n; i++) {
        int c = columns_of(label_of(s, s->order[i], buf));
        room = c > room ? c : room;
    }
    if (terminal && room > width - bar)
        room = width - bar > 10 ? width - bar : 10;
    out("%s (%dx%d)\n", file, im->width, im->height);
    for (int i = 0; i < n; i++) {
        out("  ");
        print_fitting(label_of(s, s->order[i], buf), room);
        out("  %6.2f %%", 100 * s->p[s->order[i]]);
        if (terminal)
            print_bar(s->p[s->order[i]], bar);
        out("\n");
    }
    out("\n");
    fflush(stdout);
}

void classify_introduce(const struct classify *s)
{
    char text[SHAPE_TEXT];

    if (s->cli->json || s->cli->quiet)
        return;
    out("%s takes %s. Pictures are prepared by\n%s%s\n\n", s->m.net.net,
        shape_text(&s->in.shape, text), s->words,
        !s->guessed ? "" : " (a guess from that size: --preprocess says otherwise)");
}

void classify_conclude(const struct classify *s)
{
    if (s->cli->json || s->cli->quiet || s->done == 0)
        return;
    out("Probabilities are %s.\n",
        s->softmax ? "the softmax of what the network gives" : "what the network gives");
    if (s->guessed && s->likeliest < UNLIKELY)
        out("It is sure of nothing: it may be trained on pictures prepared in another way. Try\n"
            "--preprocess caffe, keras, [-1,1] or unit.\n");
}
