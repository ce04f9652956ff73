/* The names of classes, one a line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define MAX_LABELS (1 << 20)

/* "n01440764 tench, Tinca tinca", as ImageNet's lists have it: without the number. */
static const char *without_synset(const char *line)
{
    if (*line == 'n' && strspn(line + 1, "0123456789") == 8 && line[9] == ' ')
        return line + 10;
    return line;
}

static int add(struct labels *l, const char *line)
{
    if (l->n == MAX_LABELS)
        return -1;
    if ((l->n & (l->n - 1)) == 0) { /* full at each power of two */
        char **more = realloc(l->name, (size_t)(l->n ? 2 * l->n : 1) * sizeof(*more));

        if (!more)
            return -1;
        l->name = more;
    }
    if (!(l->name[l->n] = strdup(without_synset(line))))
        return -1;
    l->n++;
    return 0;
}

int labels_read(const char *path, struct labels *l)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int status = EXIT_DONE;
    FILE *f = fopen(path, "r");

    *l = (struct labels){0};
    if (!f)
        return cli_error("%s: cannot open: %s", path, strerror(errno));
    while (status == EXIT_DONE && (errno = 0, len = getline(&line, &cap, f)) >= 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        if (strlen(line) != (size_t)len)
            status = cli_error("%s: not a text file", path);
        else if (add(l, line) != 0)
            status = cli_error("%s: too many labels, or out of memory", path);
    }
    if (status == EXIT_DONE && ferror(f))
        status = cli_error("%s: cannot read: %s", path, strerror(errno));
    if (status != EXIT_DONE)
        labels_free(l);
    free(line);
    fclose(f);
    return status;
}

void labels_free(struct labels *l)
{
    for (int i = 0; i < l->n; i++)
        free(l->name[i]);
    free(l->name);
    *l = (struct labels){0};
}
