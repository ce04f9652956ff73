#include "tune/db.h"

#include <errno.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define APPLICATION 0x6f63656c /* "ocel" */
#define VERSION 1              /* of the tables */
#define BUSY_MS 30000          /* others write a row in a few milliseconds each */

struct tune_db {
    sqlite3 *sql;
    sqlite3_stmt *put_result, *put_winner;
    char *path;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS result("
    " problem TEXT NOT NULL, device TEXT NOT NULL, driver TEXT NOT NULL, variant TEXT NOT NULL,"
    " setting TEXT NOT NULL, source TEXT NOT NULL, status TEXT NOT NULL, why TEXT NOT NULL,"
    " ms REAL NOT NULL, spread REAL NOT NULL, PRIMARY KEY(problem, device, driver, variant, "
    "setting, source)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS winner("
    " problem TEXT NOT NULL, device TEXT NOT NULL, driver TEXT NOT NULL, kind TEXT NOT NULL,"
    " variant TEXT NOT NULL, setting TEXT NOT NULL, source TEXT NOT NULL, ms REAL NOT NULL,"
    " default_ms REAL NOT NULL, spread REAL NOT NULL, error REAL NOT NULL, tried INTEGER NOT NULL,"
    " rejected INTEGER NOT NULL, objective TEXT NOT NULL, clock REAL NOT NULL, time INTEGER NOT "
    "NULL,"
    " version TEXT NOT NULL, PRIMARY KEY(problem, device, driver)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 1868785004;"
    "PRAGMA user_version = 1;";
_Static_assert(VERSION == 1, "the schema says so, too");

#define RESULT_COLUMNS "problem, device, driver, variant, setting, source, status, why, ms, spread"
#define WINNER_COLUMNS                                                                  \
    "problem, device, driver, kind, variant, setting, source, objective, version, ms, " \
    "default_ms, "                                                                      \
    "spread, error, clock, tried, rejected, time"

bool db_default_path(struct text *out)
{
    const char *own = secure_getenv("OCELLI_TUNING_DB");
    const char *xdg = secure_getenv("XDG_DATA_HOME"), *home = secure_getenv("HOME");
    if (own && *own)
        text_add(out, "%s", own);
    else if (xdg && *xdg == '/')
        text_add(out, "%s/ocelli/tuning.db", xdg);
    else if (home && *home == '/')
        text_add(out, "%s/.local/share/ocelli/tuning.db", home);
    return out->s != NULL;
}

/* ---- SQLite ---- */

static int sql_fail(const struct tune_db *db, const char *what)
{
    int code = db->sql ? sqlite3_errcode(db->sql) & 0xff : SQLITE_NOMEM;
    bool broken = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
    return fail(broken ? OCELLI_ERR_FORMAT : OCELLI_ERR_IO, "tuning database %s: %s: %s", db->path,
                what, db->sql ? sqlite3_errmsg(db->sql) : "out of memory");
}

static int sql_exec(struct tune_db *db, const char *sql)
{
    return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_fail(db, "set-up");
}

static int sql_prepare(struct tune_db *db, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v2(db->sql, sql, -1, out, NULL) == SQLITE_OK ? 0
                                                                        : sql_fail(db, "a query");
}

static int64_t pragma_number(struct tune_db *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t n = -1;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

static void bind_text(sqlite3_stmt *s, int i, const char *text)
{
    sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
}

static const char *column_text(sqlite3_stmt *s, int i)
{
    const char *t = (const char *)sqlite3_column_text(s, i);
    return t ? t : "";
}

/* ---- Opening ---- */

/* The shared memory that WAL needs is not to be had across a network. */
static bool is_remote(const char *path)
{
    static const unsigned long types[] = {
        0x6969 /* NFS */, 0xff534d42 /* CIFS */, 0xfe534d42,
        0x517b /* SMB */, 0x65735546 /* FUSE */, 0x01021997 /* 9p */};
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return false;
    for (size_t i = 0; i < COUNT(types); i++)
        if ((unsigned long)fs.f_type == types[i])
            return true;
    return false;
}

/* Ours, or empty. */
static int check_format(struct tune_db *db)
{
    /* All as of one moment: another process may be making it just now. */
    int err = sql_exec(db, "BEGIN");
    if (err)
        return err;
    int64_t tables = pragma_number(db, "SELECT count(*) FROM sqlite_schema");
    int64_t app = pragma_number(db, "PRAGMA application_id");
    int64_t version = pragma_number(db, "PRAGMA user_version");
    if (tables < 0 || app < 0 || version < 0)
        return sql_fail(db, "reading it"); /* the code is asked for; closing ends the rest */
    if ((err = sql_exec(db, "COMMIT")))
        return err;
    if (tables == 0 && app == 0 && version == 0)
        return 0;
    if (app != APPLICATION)
        return fail(OCELLI_ERR_FORMAT, "tuning database %s: it is some other database", db->path);
    if (version != VERSION)
        return fail(OCELLI_ERR_FORMAT,
                    "tuning database %s: it has format %lld, this version reads %d", db->path,
                    (long long)version, VERSION);
    return 0;
}

/* What others may have written is data, never instructions. */
static int harden(struct tune_db *db)
{
    sqlite3_busy_timeout(db->sql, BUSY_MS);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, 1 << 20);
    return sql_exec(db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;");
}

static int open_file(struct tune_db *db, const char *path, int flags)
{
    int err = 0;
    sqlite3_close(db->sql);
    db->sql = NULL;
    free(db->path);
    db->path = strdup(path);
    if (!db->path)
        return fail_memory();
    int code = sqlite3_open_v2(path, &db->sql, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return sql_fail(db, "opening it");
    TRY(harden(db));
    TRY(check_format(db));
out:
    return err;
}

static int make_tables(struct tune_db *db, bool wal)
{
    int err;
    if (wal)
        TRY(sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"));
    if (pragma_number(db, "PRAGMA application_id") != APPLICATION) {
        TRY(sql_exec(db, "BEGIN IMMEDIATE"));
        TRY(sql_exec(db, schema));
        TRY(sql_exec(db, "COMMIT"));
    }
    /* A file that cannot be written is only found out by writing. */
    TRY(sql_exec(db, "BEGIN IMMEDIATE; ROLLBACK"));
out:
    return err;
}

static int open_to_write(struct tune_db *db, const char *path)
{
    int err = 0;
    char *copy = strdup(path);
    if (!copy)
        return fail_memory();
    TRY(dir_create(dirname(copy), 0700));
    TRY(open_file(db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    TRY(make_tables(db, !is_remote(path)));
out:
    free(copy);
    return err;
}

/* A file in a folder that cannot be written is read as it lies: WAL would want to make files beside
 * it. */
static int open_as_it_lies(struct tune_db *db, const char *path)
{
    struct text uri = {0};
    int err;
    text_add(&uri, "file:");
    for (const char *c = path; *c; c++)
        text_add(&uri, strchr("%?#", *c) ? "%%%02x" : "%c", (unsigned char)*c);
    text_add(&uri, "?immutable=1");
    if (uri.failed)
        err = fail_memory();
    else
        err = open_file(db, uri.s, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    text_free(&uri);
    return err;
}

static int open_to_read(struct tune_db *db, const char *path)
{
    int err = open_file(db, path, SQLITE_OPEN_READONLY);
    return err == OCELLI_ERR_IO ? open_as_it_lies(db, path) : err;
}

/* The content, if there is any, in memory. */
static int open_in_memory(struct tune_db *db, const char *path)
{
    struct tune_db from = {0};
    int err = 0;
    TRY(open_file(db, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    if (access(path, R_OK) == 0 && open_to_read(&from, path) == 0) {
        sqlite3_backup *b = sqlite3_backup_init(db->sql, "main", from.sql, "main");
        if (b)
            sqlite3_backup_step(b, -1);
        sqlite3_backup_finish(b);
    }
    TRY(make_tables(db, false));
out:
    sqlite3_close(from.sql);
    free(from.path);
    return err;
}

/* Somebody else is at it. Most waiting is SQLite's, but changing to WAL, which the first ones of
 * all do at once, is refused without. */
static bool is_busy(const struct tune_db *db)
{
    int code = db->sql ? sqlite3_errcode(db->sql) & 0xff : SQLITE_OK;
    return code == SQLITE_BUSY || code == SQLITE_LOCKED;
}

static int open_in_turn(struct tune_db *db, const char *path)
{
    const struct timespec pause = {0, 20 * 1000 * 1000};
    double end = clock_seconds() + BUSY_MS / 1e3;
    int err;
    while ((err = open_to_write(db, path)) == OCELLI_ERR_IO && is_busy(db) && clock_seconds() < end)
        nanosleep(&pause, NULL);
    return err;
}

int db_open(struct tune_db **out, const char *path, enum db_mode mode, const struct log *log)
{
    static const struct log silent;
    int err = 0;
    *out = NULL;
    if (mode == DB_READ && access(path, F_OK) != 0)
        return 0;
    struct tune_db *db = calloc(1, sizeof(*db));
    if (!db)
        return fail_memory();
    if (mode == DB_READ)
        TRY(open_to_read(db, path));
    else if ((err = open_in_turn(db, path)) == OCELLI_ERR_IO && !is_busy(db)) {
        log_to(log ? log : &silent, OCELLI_LOG_WARNING, "%s; results are not kept", ocelli_error());
        TRY(open_in_memory(db, path));
    }
    TRY(err);
    *out = db;
    return 0;
out:
    db_close(&db);
    return err;
}

void db_close(struct tune_db **dbp)
{
    struct tune_db *db = *dbp;
    if (!db)
        return;
    sqlite3_finalize(db->put_result);
    sqlite3_finalize(db->put_winner);
    sqlite3_close(db->sql);
    free(db->path);
    free(db);
    *dbp = NULL;
}

const char *db_path(const struct tune_db *db)
{
    return db->path;
}

/* ---- Writing ---- */

static int run_put(struct tune_db *db, sqlite3_stmt *s)
{
    int code = sqlite3_step(s);
    int err = code == SQLITE_DONE ? 0 : sql_fail(db, "writing a row");
    sqlite3_reset(s);
    return err;
}

int db_put_result(struct tune_db *db, const struct tune_result *r)
{
    int err = 0, n = 0;
    if (!db->put_result)
        TRY(sql_prepare(db,
                        "INSERT OR REPLACE INTO result(" RESULT_COLUMNS
                        ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        &db->put_result));
    const char *const text[] = {r->key.problem, r->key.device, r->key.driver, r->variant,
                                r->setting,     r->source,     r->status,     r->why};
    sqlite3_stmt *s = db->put_result;
    for (size_t i = 0; i < COUNT(text); i++)
        bind_text(s, ++n, text[i]);
    sqlite3_bind_double(s, ++n, r->ms);
    sqlite3_bind_double(s, ++n, r->spread);
    TRY(run_put(db, s));
out:
    return err;
}

int db_put_winner(struct tune_db *db, const struct tune_winner *w)
{
    int err = 0, n = 0;
    if (!db->put_winner)
        TRY(sql_prepare(db,
                        "INSERT OR REPLACE INTO winner(" WINNER_COLUMNS
                        ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        &db->put_winner));
    const char *const text[] = {w->key.problem, w->key.device, w->key.driver, w->kind,   w->variant,
                                w->setting,     w->source,     w->objective,  w->version};
    const double real[] = {w->ms, w->default_ms, w->spread, w->error, w->clock};
    const int64_t whole[] = {w->tried, w->rejected, w->time};
    sqlite3_stmt *s = db->put_winner;
    for (size_t i = 0; i < COUNT(text); i++)
        bind_text(s, ++n, text[i]);
    for (size_t i = 0; i < COUNT(real); i++)
        sqlite3_bind_double(s, ++n, real[i]);
    for (size_t i = 0; i < COUNT(whole); i++)
        sqlite3_bind_int64(s, ++n, whole[i]);
    TRY(run_put(db, s));
out:
    return err;
}

/* ---- Reading ---- */

static int select_rows(struct tune_db *db, const char *columns, const char *table,
                       const struct tune_key *k, sqlite3_stmt **out)
{
    const char *value[] = {k ? k->problem : NULL, k ? k->device : NULL, k ? k->driver : NULL};
    static const char *const name[] = {"problem", "device", "driver"};
    struct text sql = {0};
    int n = 0;
    text_add(&sql, "SELECT %s FROM %s", columns, table);
    for (size_t i = 0; i < COUNT(value); i++)
        if (value[i])
            text_add(&sql, " %s %s = ?", n++ ? "AND" : "WHERE", name[i]);
    text_add(&sql, " ORDER BY problem, device, driver, variant, setting");
    int err = sql.failed ? fail_memory() : sql_prepare(db, sql.s, out);
    n = 0;
    for (size_t i = 0; !err && i < COUNT(value); i++)
        if (value[i])
            bind_text(*out, ++n, value[i]);
    text_free(&sql);
    return err;
}

/* The statement's rows, one after another; `row` makes one of it. */
static int each_row(struct tune_db *db, sqlite3_stmt *s,
                    int (*row)(sqlite3_stmt *s, void *each, void *user), void *each, void *user)
{
    int code, err = 0;
    while (!err && (code = sqlite3_step(s)) == SQLITE_ROW)
        err = row(s, each, user);
    if (!err && code != SQLITE_DONE)
        err = sql_fail(db, "reading rows");
    sqlite3_finalize(s);
    return err;
}

struct each_result {
    int (*fn)(void *user, const struct tune_result *);
};

static int row_result(sqlite3_stmt *s, void *each, void *user)
{
    const struct tune_result r = {.key = {column_text(s, 0), column_text(s, 1), column_text(s, 2)},
                                  .variant = column_text(s, 3),
                                  .setting = column_text(s, 4),
                                  .source = column_text(s, 5),
                                  .status = column_text(s, 6),
                                  .why = column_text(s, 7),
                                  .ms = sqlite3_column_double(s, 8),
                                  .spread = sqlite3_column_double(s, 9)};
    return ((struct each_result *)each)->fn(user, &r);
}

int db_each_result(struct tune_db *db, const struct tune_key *k,
                   int (*each)(void *user, const struct tune_result *), void *user)
{
    sqlite3_stmt *s = NULL;
    int err = select_rows(db, RESULT_COLUMNS, "result", k, &s);
    return err ? err : each_row(db, s, row_result, &(struct each_result){each}, user);
}

struct each_winner {
    int (*fn)(void *user, const struct tune_winner *);
};

static int row_winner(sqlite3_stmt *s, void *each, void *user)
{
    const struct tune_winner w = {.key = {column_text(s, 0), column_text(s, 1), column_text(s, 2)},
                                  .kind = column_text(s, 3),
                                  .variant = column_text(s, 4),
                                  .setting = column_text(s, 5),
                                  .source = column_text(s, 6),
                                  .objective = column_text(s, 7),
                                  .version = column_text(s, 8),
                                  .ms = sqlite3_column_double(s, 9),
                                  .default_ms = sqlite3_column_double(s, 10),
                                  .spread = sqlite3_column_double(s, 11),
                                  .error = sqlite3_column_double(s, 12),
                                  .clock = sqlite3_column_double(s, 13),
                                  .tried = sqlite3_column_int(s, 14),
                                  .rejected = sqlite3_column_int(s, 15),
                                  .time = sqlite3_column_int64(s, 16)};
    return ((struct each_winner *)each)->fn(user, &w);
}

int db_each_winner(struct tune_db *db, const struct tune_key *k,
                   int (*each)(void *user, const struct tune_winner *), void *user)
{
    sqlite3_stmt *s = NULL;
    int err = select_rows(db, WINNER_COLUMNS, "winner", k, &s);
    return err ? err : each_row(db, s, row_winner, &(struct each_winner){each}, user);
}

int db_check(struct tune_db *db)
{
    sqlite3_stmt *s = NULL;
    int err = sql_prepare(db, "PRAGMA integrity_check(1)", &s);
    if (!err && sqlite3_step(s) != SQLITE_ROW)
        err = sql_fail(db, "checking it");
    if (!err && strcmp(column_text(s, 0), "ok") != 0)
        err = fail(OCELLI_ERR_FORMAT, "tuning database %s: %s", db->path, column_text(s, 0));
    sqlite3_finalize(s);
    return err;
}
