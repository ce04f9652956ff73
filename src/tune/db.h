/* The tuning database: what was tried on which device, and what won.
 *
 * SQLite in WAL mode, a row a transaction: what was acknowledged is there whatever happens to the
 * process, and any number of processes may read and write. Rows are found by problem (its string,
 * ops/op.h), device and driver; the hash of the kernel's source is part of a row, so that a changed
 * kernel is tuned anew. Old rows stay and are not used. Everything in it is untrusted: whoever
 * takes a setting checks it against the variant's own declarations (book.h). */
#ifndef TUNE_DB_H
#define TUNE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

#define DB_TEXT_MAX 4096 /* bytes of any text in a row */

struct tune_key {
    const char *problem, *device, *driver;
};

/* A candidate that was judged. Times are milliseconds. */
struct tune_result {
    struct tune_key key;
    const char *variant, *setting, *source; /* "direct", "PX=7 NV=2", hash */
    const char *status;                     /* "ok", or the reason of its rejection in a word */
    const char *why;                        /* more words, "" */
    double ms, spread;                      /* of "ok"; spread: median deviation, relative */
};

/* What is to be used for a problem. */
struct tune_winner {
    struct tune_key key;
    const char *kind; /* of device, for devices that are not known: "cpu v16 u2" */
    const char *variant, *setting, *source;
    double ms, default_ms, spread;
    double error; /* largest, as part of what was allowed */
    int tried, rejected;
    const char *objective; /* "time" or "busy" */
    double clock;          /* MHz of the host's processor when it was measured, 0: not known */
    int64_t time;          /* seconds since 1970 */
    const char *version;   /* of this library */
};

struct tune_db;

/* $OCELLI_TUNING_DB, else ocelli/tuning.db in $XDG_DATA_HOME or ~/.local/share. False: there is no
 * such place. */
bool db_default_path(struct text *out);

enum db_mode {
    DB_READ,  /* *out NULL and 0 when there is no such file */
    DB_WRITE, /* made when it is not there. What cannot be written is copied to memory, with a
                 warning */
};
int db_open(struct tune_db **out, const char *path, enum db_mode mode, const struct log *log);
void db_close(struct tune_db **db);
const char *db_path(const struct tune_db *db); /* ":memory:" when nothing will be kept */

int db_put_result(struct tune_db *db, const struct tune_result *r);
int db_put_winner(struct tune_db *db, const struct tune_winner *w);
/* Every row, or those of a key (NULL members: any), in the order of their keys. Stops when `each`
 * returns non-zero, and returns that. Texts live until `each` returns. */
int db_each_result(struct tune_db *db, const struct tune_key *k,
                   int (*each)(void *user, const struct tune_result *), void *user);
int db_each_winner(struct tune_db *db, const struct tune_key *k,
                   int (*each)(void *user, const struct tune_winner *), void *user);

/* ---- Text (db_text.c): JSON, an object a line ---- */

/* Appends winners, and with `all` every result; k NULL: of all. */
int db_export(struct tune_db *db, bool all, const struct tune_key *k, struct text *out);
/* What came of an import or merge. */
struct db_counts {
    int64_t winners, results, older, refused;
};
/* Rows of a text; what is not a row with sensible values is refused, told to the log, and counted.
 * Of two winners for one problem the later measured stays. */
int db_import(struct tune_db *db, const char *text, struct db_counts *out, const struct log *log);
int db_merge(struct tune_db *db, struct tune_db *from, struct db_counts *out);
/* The results of a key as T4, the auto-tuning community's format. */
int db_export_t4(struct tune_db *db, const struct tune_key *k, struct text *out);
/* SQLite's own integrity check: 0, or FORMAT with its words. */
int db_check(struct tune_db *db);

/* One line of db_export() as a winner; false when it is something else or has no sensible values.
 * The texts belong to *doc, json_decref() it. */
struct json_t;
bool winner_parse(const char *line, size_t len, struct json_t **doc, struct tune_winner *w);

#endif
