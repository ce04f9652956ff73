#include "plan/tuned.h"

#include <stdlib.h>
#include <string.h>

static int effort_of(const struct ocelli_plan_params *q, enum ocelli_effort *out)
{
    static const char *const words[] = {"", "off", "db", "quick", "full"};
    const char *s = secure_getenv("OCELLI_TUNE");
    *out = q->effort;
    if ((unsigned)q->effort >= COUNT(words))
        return fail(OCELLI_ERR_INVALID, "plan: effort %d: there is none", (int)q->effort);
    if (q->effort != OCELLI_EFFORT_DEFAULT)
        return 0;
    *out = OCELLI_EFFORT_DB;
    for (size_t i = 1; s && *s && i < COUNT(words); i++)
        if (strcmp(words[i], s) == 0) {
            *out = (enum ocelli_effort)i;
            return 0;
        }
    if (s && *s)
        return fail(OCELLI_ERR_INVALID, "OCELLI_TUNE is \"%s\", not off, db, quick or full", s);
    return 0;
}

struct tune_device tune_device_of(const struct ocelli_device *dev)
{
    const struct ocelli_device_info *info = ocelli_device_get_info(dev);
    return (struct tune_device){info->name, info->driver, device_caps(dev), launches_source};
}

int plan_tuned_open(struct plan_tuned *t, struct ocelli_device *dev, const struct graph *g,
                    const struct ocelli_plan_params *q)
{
    const struct tune_device who = tune_device_of(dev);
    enum ocelli_effort effort;
    int err;
    *t = (struct plan_tuned){0};
    TRY(effort_of(q, &effort));
    if (effort == OCELLI_EFFORT_OFF || device_is_null(dev))
        return 0;
    TRY(book_open(&t->book, &who, device_log(dev)));
    t->tuned = (struct tuned){book_find, t->book};
out:
    (void)g;
    return err;
}

void plan_tuned_close(struct plan_tuned *t)
{
    book_close(&t->book);
}
