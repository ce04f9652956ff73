/* Zip archives of .npy files, as numpy.savez writes them. What is in the archive's directory is not
 * believed: no size is allocated that the compressed bytes cannot give, names are only names. */
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "formats/npy.h"

#define END ".npy"
#define MAX_ENTRIES 65536
#define MAX_NAME 1024
/* Deflate cannot do better than 1032 to 1 (RFC 1951: 258 bytes from two bits). */
#define MAX_RATIO 1032
#define DIRECTORY_MEMORY ((size_t)24 << 20) /* libzip's, of MAX_ENTRIES entries */

static int zip_failed(const char *path, zip_error_t *e)
{
    int code = zip_error_code_zip(e); /* OK: it forgot to say that there was no memory */
    int err = code == ZIP_ER_MEMORY || code == ZIP_ER_OK
                  ? fail_memory()
                  : fail(OCELLI_ERR_FORMAT, "%s: %s", path, zip_error_strerror(e));

    zip_error_fini(e);
    return err;
}

/* ---- Reading ---- */

static bool plain_name(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
            return false;
    return n > strlen(END) && n <= MAX_NAME && strcmp(s + n - strlen(END), END) == 0;
}

struct reading {
    const char *path;
    zip_t *zip;
    size_t left;        /* memory for what comes out */
    size_t packed_left; /* bytes of the file not yet spoken for */
};

static int check_entry(struct reading *r, zip_int64_t i, zip_stat_t *st)
{
    const zip_uint64_t need = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD |
                              ZIP_STAT_ENCRYPTION_METHOD;

    if (zip_stat_index(r->zip, (zip_uint64_t)i, 0, st) != 0 || (st->valid & need) != need)
        return fail(OCELLI_ERR_FORMAT, "%s: entry %lld: damaged", r->path, (long long)i);
    if (!plain_name(st->name))
        return fail(OCELLI_ERR_FORMAT, "%s: entry %lld: its name is not that of a .npy file", r->path,
                    (long long)i);
    if ((st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE) ||
        st->encryption_method != ZIP_EM_NONE)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: %s: packed by method %d, encryption %d", r->path, st->name,
                    st->comp_method, st->encryption_method);
    /* Entries that lie over each other could be many times the file. */
    if (st->comp_size > r->packed_left ||
        (st->size && (st->size - 1) / MAX_RATIO >= st->comp_size))
        return fail(OCELLI_ERR_FORMAT, "%s: %s: %llu bytes cannot come from %llu", r->path, st->name,
                    (unsigned long long)st->size, (unsigned long long)st->comp_size);
    /* Twice, while the array is copied out of its file. */
    if (st->size > r->left / 2)
        return fail(OCELLI_ERR_FORMAT, "%s: %s: %llu bytes: more memory than reading the file may take",
                    r->path, st->name, (unsigned long long)st->size);
    r->packed_left -= st->comp_size;
    r->left -= st->size;
    return 0;
}

/* Reading past the end makes libzip compare the checksum. */
static int read_bytes(struct reading *r, zip_int64_t i, const zip_stat_t *st, void **out)
{
    zip_file_t *f = zip_fopen_index(r->zip, (zip_uint64_t)i, 0);
    size_t done = 0, size = (size_t)st->size;
    zip_int64_t n = 0;
    char more;
    int err = 0;

    if (!f)
        return fail(OCELLI_ERR_FORMAT, "%s: %s: %s", r->path, st->name, zip_strerror(r->zip));
    if (!(*out = malloc(size + 1)))
        TRY(fail_memory());
    while (done < size && (n = zip_fread(f, (char *)*out + done, size - done)) > 0)
        done += (size_t)n;
    if (n < 0 || done < size || (n = zip_fread(f, &more, 1)) != 0)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: %s: %s", r->path, st->name,
                 n < 0 ? zip_file_strerror(f) : "not of the size that the archive says"));
out:
    zip_fclose(f);
    return err;
}

static int read_entry(struct reading *r, zip_int64_t i, struct ocelli_array *a)
{
    zip_stat_t st;
    struct text name = {0};
    void *bytes = NULL;
    int err;

    zip_stat_init(&st);
    TRY(check_entry(r, i, &st));
    TRY(read_bytes(r, i, &st, &bytes));
    text_add(&name, "%s: %s", r->path, st.name);
    if (name.failed)
        TRY(fail_memory());
    TRY(npy_parse(a, name.s, bytes, (size_t)st.size));
    if (!(a->name = strndup(st.name, strlen(st.name) - strlen(END))))
        TRY(fail_memory());
out:
    text_free(&name);
    free(bytes);
    return err;
}

int ocelli_npz_read(struct ocelli_array **out, int *n, const char *path, uint64_t max_bytes)
{
    struct reading r = {.path = path};
    struct ocelli_array *a = NULL;
    zip_source_t *source = NULL;
    zip_error_t e;
    zip_int64_t count = 0;
    char *file = NULL;
    size_t bytes, memory;
    int err;

    *out = NULL;
    *n = 0;
    zip_error_init(&e);
    TRY(file_read(path, ARRAY_MAX_FILE, &file, &bytes));
    r.packed_left = bytes;
    memory = max_bytes ? (size_t)MIN(max_bytes, (uint64_t)SIZE_MAX) : file_memory(bytes);
    r.left = memory > bytes && memory - bytes > DIRECTORY_MEMORY ? memory - bytes - DIRECTORY_MEMORY : 0;
    /* From memory: what was checked is what is read. */
    source = zip_source_buffer_create(file, bytes, 0, &e);
    if (!source || !(r.zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &e)))
        TRY(zip_failed(path, &e));
    source = NULL; /* the archive's now */
    count = zip_get_num_entries(r.zip, 0);
    if (count < 1 || count > MAX_ENTRIES)
        TRY(fail(OCELLI_ERR_FORMAT, "%s: no .npz file, or one with %lld entries", path, (long long)count));
    if (!(a = calloc((size_t)count + 1, sizeof(*a))))
        TRY(fail_memory());
    for (zip_int64_t i = 0; i < count; i++)
        TRY(read_entry(&r, i, &a[i]));
    *out = a;
    *n = (int)count;
    a = NULL;
out:
    for (zip_int64_t i = 0; a && i < count; i++) /* calloc's zeros where it was not come to */
        ocelli_array_free(&a[i]);
    free(a);
    if (source)
        zip_source_free(source);
    if (r.zip)
        zip_discard(r.zip);
    free(file);
    return err;
}

/* ---- Writing ---- */

/* *npy: the entry's content, which the archive reads when it is closed. It stays ours: whether libzip
 * frees what it was given when it runs out of memory depends on where it does. */
static int add_entry(zip_t *zip, const struct ocelli_array *a, int i, void **npy)
{
    struct text name = {0};
    size_t bytes;
    zip_source_t *s;
    zip_int64_t at;
    int err;

    if (a->name && *a->name)
        text_add(&name, "%s" END, a->name);
    else
        text_add(&name, "arr_%d" END, i); /* as NumPy calls them */
    if (name.failed)
        TRY(fail_memory());
    TRY(array_check(a));
    if (!plain_name(name.s) || name.s[0] == '/' || strstr(name.s, "..") || strchr(name.s, '\\'))
        TRY(fail(OCELLI_ERR_INVALID, "array \"%s\": no name for an archive", a->name));
    TRY(npy_print(a, npy, &bytes));
    if (!(s = zip_source_buffer(zip, *npy, bytes, 0)))
        TRY(fail_memory());
    at = zip_file_add(zip, name.s, s, ZIP_FL_ENC_UTF_8);
    if (at < 0) {
        zip_source_free(s);
        TRY(fail(OCELLI_ERR_INVALID, "array \"%s\": %s", name.s, zip_strerror(zip)));
    }
    /* Stored, and dated as zip's calendar begins: the same arrays give the same file. */
    if (zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip, (zip_uint64_t)at, 0, 1 << 5 | 1, 0) != 0)
        TRY(fail(OCELLI_ERR_INVALID, "array \"%s\": %s", name.s, zip_strerror(zip)));
out:
    text_free(&name);
    return err;
}

/* The archive that `source` holds, to a file. */
static int write_source(zip_source_t *source, const char *path)
{
    char block[65536];
    struct file_writer w = {.fd = -1};
    zip_int64_t n;
    bool open = zip_source_open(source) == 0;
    int err;

    if (!open)
        TRY(fail_memory());
    TRY(file_create(&w, path, 0666));
    while ((n = zip_source_read(source, block, sizeof(block))) > 0)
        TRY(file_write(&w, block, (size_t)n));
    if (n < 0)
        TRY(fail_memory());
    TRY(file_commit(&w));
out:
    file_discard(&w);
    if (open)
        zip_source_close(source);
    return err;
}

int ocelli_npz_write(const struct ocelli_array *a, int n, const char *path)
{
    zip_source_t *source = NULL;
    zip_t *zip = NULL;
    zip_error_t e;
    void **npy = NULL;
    int err = 0;

    zip_error_init(&e);
    if (n < 1)
        TRY(fail(OCELLI_ERR_INVALID, "%s: an archive of no arrays", path));
    if (!(npy = calloc((size_t)n, sizeof(*npy))))
        TRY(fail_memory());
    source = zip_source_buffer_create(NULL, 0, 0, &e);
    if (!source || !(zip = zip_open_from_source(source, ZIP_TRUNCATE, &e)))
        TRY(zip_failed(path, &e));
    zip_source_keep(source); /* to read what closing writes into it */
    for (int i = 0; i < n; i++)
        TRY(add_entry(zip, &a[i], i, &npy[i]));
    if (zip_close(zip) != 0)
        TRY(fail(OCELLI_ERR_INVALID, "%s: %s", path, zip_strerror(zip)));
    zip = NULL;
    TRY(write_source(source, path));
out:
    if (zip)
        zip_discard(zip);
    if (source)
        zip_source_free(source);
    for (int i = 0; npy && i < n; i++)
        free(npy[i]);
    free(npy);
    return err;
}
