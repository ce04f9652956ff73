/* A folder for one test, under $TMPDIR or /tmp. */
#ifndef TESTS_TEMPDIR_H
#define TESTS_TEMPDIR_H

#include <check.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void tempdir_make(char path[64])
{
    const char *base = getenv("TMPDIR");
    if (!base || strlen(base) > 40)
        base = "/tmp";
    snprintf(path, 64, "%s/ocelli-XXXXXX", base);
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static inline int tempdir_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *w)
{
    (void)st, (void)type, (void)w;
    return remove(path);
}

static inline void tempdir_remove(const char *path)
{
    nftw(path, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Entries, hidden ones too, "." and ".." not counted. */
static inline int tempdir_entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

#endif
