/* Finding the ONNX backend's test cases. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx_cases.h"

#define MODEL_FILE "/model.onnx"
#define MAX_OPEN 16 /* folders open at a time while walking */

static int add(struct onnx_cases *c, const char *dir, size_t len)
{
    if (c->n == c->cap) {
        int cap = c->cap ? 2 * c->cap : 64;
        struct onnx_case *item = realloc(c->item, (size_t)cap * sizeof(*item));

        if (!item)
            return -1;
        c->item = item;
        c->cap = cap;
    }
    struct onnx_case *x = &c->item[c->n];
    if (!(x->dir = strndup(dir, len)))
        return -1;
    const char *slash = strrchr(x->dir, '/');
    x->name = slash ? slash + 1 : x->dir;
    c->n++;
    return 0;
}

/* nftw() hands nothing to its callback; the walk is over when onnx_cases_find() returns. */
static struct onnx_cases *walking;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    size_t n = strlen(path), end = strlen(MODEL_FILE);

    (void)st;
    (void)ftw;
    if (type != FTW_F || n <= end || strcmp(path + n - end, MODEL_FILE) != 0)
        return 0;
    return add(walking, path, n - end);
}

static int by_dir(const void *a, const void *b)
{
    return strcmp(((const struct onnx_case *)a)->dir, ((const struct onnx_case *)b)->dir);
}

int onnx_cases_find(struct onnx_cases *c, const char *dir)
{
    int before = c->n;

    walking = c;
    errno = 0;
    if (nftw(dir, visit, MAX_OPEN, FTW_PHYS) != 0)
        return cli_error("%s: %s", dir, strerror(errno ? errno : ENOMEM));
    if (c->n == before)
        return cli_error("%s: no folder with a model.onnx in it", dir);
    qsort(c->item + before, (size_t)(c->n - before), sizeof(*c->item), by_dir);
    return EXIT_DONE;
}

/* Moves the cases of that name to the front; how many. */
static int keep(struct onnx_cases *c, int kept, const char *name)
{
    int n = kept;

    for (int i = kept; i < c->n; i++) {
        if (strcmp(c->item[i].name, name) != 0)
            continue;
        struct onnx_case x = c->item[i];
        c->item[i] = c->item[n];
        c->item[n++] = x;
    }
    return n;
}

int onnx_cases_keep(struct onnx_cases *c, const char *file)
{
    FILE *f = fopen(file, "r");
    char *line = NULL;
    size_t cap = 0;
    int kept = 0, number = 0, status = EXIT_DONE;

    if (!f)
        return cli_error("--list %s: %s", file, strerror(errno));
    while (status == EXIT_DONE && getline(&line, &cap, f) > 0) {
        char *rest = line, *name;

        (void)strsep(&rest, "\t\n");
        name = strsep(&rest, "\t\n");
        if (number++ == 0 || !line[0])
            continue;
        if (!name || !*name) {
            status = cli_error("--list %s: line %d has no second column", file, number);
            break;
        }
        int n = keep(c, kept, name);
        bool known = n > kept;
        for (int i = 0; !known && i < kept; i++)
            known = strcmp(c->item[i].name, name) == 0; /* listed twice */
        if (!known)
            status = cli_error("--list %s: line %d: there is no case %s", file, number, name);
        kept = n;
    }
    if (status == EXIT_DONE && ferror(f))
        status = cli_error("--list %s: %s", file, strerror(errno));
    if (status == EXIT_DONE && kept == 0)
        status = cli_error("--list %s: names no case", file);
    free(line);
    fclose(f);
    for (int i = kept; i < c->n; i++)
        free(c->item[i].dir);
    c->n = kept;
    qsort(c->item, (size_t)c->n, sizeof(*c->item), by_dir);
    return status;
}

void onnx_cases_free(struct onnx_cases *c)
{
    for (int i = 0; i < c->n; i++)
        free(c->item[i].dir);
    free(c->item);
    *c = (struct onnx_cases){0};
}
