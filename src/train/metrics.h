/* Finished epochs, and the files that show them. */
#ifndef TRAIN_METRICS_H
#define TRAIN_METRICS_H

#include <locale.h>

#include <ocelli/train.h>

/* The rows so far. A test value is NaN where nothing was tested, seconds where they are not known
 * (of epochs before a resume whose metrics.csv is gone). */
struct history {
    struct ocelli_epoch *row;
    int n, cap;
};
int history_add(struct history *h, const struct ocelli_epoch *e);
void history_free(struct history *h);

/* metrics.csv; a value that is not known is an empty field. */
int metrics_write(const char *path, const struct history *h);
/* Takes the seconds of epochs that h has from the file, where there is one. They are not in the
 * checkpoint, in which nothing may depend on time. */
void metrics_read_seconds(const char *path, struct history *h);

/* curves.svg: loss and accuracy over epochs. */
int curves_write(const char *path, const char *title, const struct history *h);

/* Numbers in files have a point whatever the program's locale: between these two calls printf and
 * strtod of this thread use it. */
locale_t numbers_begin(locale_t *old);
void numbers_end(locale_t c, locale_t old);

#endif
