/* Recorded spaces: every candidate of one problem on one device with its time, as JSON lines. The
 * first says what the space is, {"space":"gemm ..","variant":"block","source":HASH,"device":..,
 * "driver":..,"parameters":{"MR":[1,2,4],..}}, each further one is a candidate,
 * {"at":[1,2,4],"ms":0.25} or {"at":[..],"status":"compile"}. */
#ifndef TUNE_RECORD_H
#define TUNE_RECORD_H

#include "tune/db.h"
#include "tune/space.h"

struct record {
    struct arena arena;
    struct space space; /* valid where it was recorded */
    double *ms;         /* by rank; NaN: not recorded, infinity: rejected */
    int good;           /* candidates with a time */
    /* What it was recorded from, "" where the file does not say; source: of the kernel then. */
    const char *problem, *variant, *source;
    double best, median;
};
/* Plain or gzip. Fails: IO, FORMAT. */
int record_read(struct record **out, const char *path);
void record_free(struct record **r);
/* The results of a problem, of the variant and source that most of them have. */
int record_write(struct tune_db *db, const struct tune_key *k, const char *path);

#endif
