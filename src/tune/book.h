/* What is known about a device, in layers: the user's database, the site's, what the library ships,
 * and, where none of them knows the device, what they know of devices of its kind. A setting that
 * does not fit the variant's declarations here and now counts for nothing. */
#ifndef TUNE_BOOK_H
#define TUNE_BOOK_H

#include "ops/op.h"
#include "tune/db.h"

/* The text in tune/shipped.jsonl: winners as db_export() writes them. */
extern const char tune_shipped[];

struct tune_book;

/* Whose book it is. */
struct tune_device {
    const char *name, *driver;
    const struct caps *caps;
    /* The hash of everything that the launches are compiled from; the device's business (device/).
     */
    int (*source)(const struct launches *l, char hex[33]);
};
/* "cpu v16 u2": what decides how much of a setting can be carried to another device. */
void device_kind(const struct caps *caps, struct text *out);

/* Databases that cannot be read are left out, with a warning. */
int book_open(struct tune_book **out, const struct tune_device *dev, const struct log *log);
void book_close(struct tune_book **book);
/* The setting for a problem, of that variant (NULL: any). user: the book. */
bool book_find(void *user, const struct problem *p, const struct variant *only,
               const struct variant **v, int tv[MAX_TUNABLES]);

#endif
