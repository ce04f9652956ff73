/* The page that holds the pictures together: one file, with nothing from elsewhere. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "visualize.h"

static char path[PATH_MAX];

static const char *path_in(const struct page *p, const char *file)
{
    int n = snprintf(path, sizeof(path), "%s/%s", p->dir, file);
    if (n > 0 && n < (int)sizeof(path))
        return path;
    cli_error("%s: %s", p->dir, strerror(ENAMETOOLONG));
    return NULL;
}

const char *page_add(struct page *p, const char *file, const char *title)
{
    struct section *s = &p->section[p->n++];
    snprintf(s->file, sizeof(s->file), "%s", file);
    snprintf(s->title, sizeof(s->title), "%s", title);
    return path_in(p, file);
}

void page_say(struct page *p, const char *fmt, ...)
{
    struct section *s = &p->section[p->n - 1];
    size_t used = strlen(s->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->text + used, sizeof(s->text) - used, fmt, ap);
    va_end(ap);
}

int file_write(const char *name, const char *text, size_t bytes)
{
    FILE *f = fopen(name, "wb");
    if (!f)
        return cli_error("%s: cannot write: %s", name, strerror(errno));
    size_t written = fwrite(text, 1, bytes, f);
    if (fclose(f) != 0 || written != bytes)
        return cli_error("%s: cannot write: %s", name, strerror(errno));
    return EXIT_DONE;
}

static void put(FILE *f, const char *s)
{
    for (; *s; s++)
        if (strchr("<>&\"", *s))
            fprintf(f, "&#%d;", *s);
        else
            fputc(*s, f);
}

static void put_section(FILE *f, const struct section *s)
{
    fprintf(f, "<h2>");
    put(f, s->title);
    fprintf(f, "</h2>\n");
    if (*s->file) {
        fprintf(f, "<img src=\"%s\" alt=\"", s->file);
        put(f, s->title);
        fprintf(f, "\">\n");
    }
    fprintf(f, "<p>");
    put(f, s->text);
    fprintf(f, "</p>\n");
}

int page_write(const struct page *p)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = path_in(p, "index.html") ? open_memstream(&text, &bytes) : NULL;
    if (!f)
        return cli_error("%s: no page", p->dir);
    fprintf(f, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
    put(f, p->heading);
    fprintf(f, "</title>\n<style>\n"
               "body { font-family: system-ui, sans-serif; max-width: 62em; margin: 2em auto; "
               "padding: 0 1em; }\n"
               "img { max-width: 100%%; image-rendering: pixelated; border: 1px solid #e5e7eb; }\n"
               "p { color: #374151; line-height: 1.5; }\n</style>\n<h1>");
    put(f, p->heading);
    fprintf(f, "</h1>\n");
    for (int i = 0; i < p->n; i++)
        put_section(f, &p->section[i]);
    fprintf(f, "</html>\n");
    int failed = fclose(f);
    int status = failed ? cli_error("%s: out of memory", path) : file_write(path, text, bytes);
    free(text);
    return status;
}
