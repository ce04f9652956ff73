#include "data/loader.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/augment.h"
#include "data/dataset.h"

#define BUFFERS 8
/* Keeps the order of images unrelated to other random streams of the same seed. */
#define SHUFFLE_STREAM 0x73687566666c6500u

#define MAX_THREADS 16

enum state { FREE, FILLING, READY, OUT };

struct slot {
    struct batch batch; /* first: the caller's pointer is the slot's */
    enum state state;
    int64_t number;  /* of the batch, counted from the loader's first */
    uint32_t *index; /* of its images */
    int err;         /* of making it, and the words of that */
    char why[512];
};

struct loader {
    const struct ocelli_dataset *ds;
    struct loader_params p;
    int64_t steps;
    struct slot *slot;
    int n, n_out;
    int64_t epoch, step, begun,
        given; /* the next batch to be made; how many were begun, and given out */
    bool stop;
    uint32_t *order; /* of the epoch in work */
    float value[256];
    struct augmenter augmenter;
    bool augments;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread[MAX_THREADS];
    int n_threads;
    bool has_mutex, has_cond;
};

int64_t loader_steps(const struct ocelli_dataset *ds, int batch, bool shuffle)
{
    return shuffle ? ds->info.count / batch : (ds->info.count + batch - 1) / batch;
}

/* Fisher and Yates, in the form of Durstenfeld 1964. */
static void shuffle(struct loader *l, int64_t epoch)
{
    uint64_t stream = SHUFFLE_STREAM + (uint64_t)epoch;
    for (int64_t i = 0; i < l->ds->info.count; i++)
        l->order[i] = (uint32_t)i;
    for (int64_t i = l->ds->info.count - 1; l->p.shuffle && i > 0; i--) {
        int64_t j = (int64_t)(random_at(l->p.seed, stream, (uint64_t)i) % ((uint64_t)i + 1));
        uint32_t t = l->order[i];
        l->order[i] = l->order[j];
        l->order[j] = t;
    }
}

/* The middle of an image as the dataset keeps it. */
static void plain_image(const struct loader *l, const uint8_t *src, float *dst)
{
    const struct ocelli_dataset *ds = l->ds;
    const struct ocelli_dataset_info *in = &ds->info;
    size_t top = (size_t)(ds->height - in->height) / 2, left = (size_t)(ds->width - in->width) / 2;
    size_t row = (size_t)ds->width, area = (size_t)ds->height * row;
    for (int c = 0; c < in->channels; c++)
        for (int y = 0; y < in->height; y++) {
            const uint8_t *from = src + (size_t)c * area + (top + (size_t)y) * row + left;
            for (int x = 0; x < in->width; x++)
                *dst++ = l->value[from[x]];
        }
}

/* Image *at, or, where it cannot be read and that is no matter, the next one that can be; *at
 * becomes -1 where none is to take its place. */
static int read_image(const struct loader *l, int64_t *at, uint8_t *buf, const uint8_t **src)
{
    int64_t count = l->ds->info.count, first = *at;
    bool bad;
    int err = dataset_pixels(l->ds, *at, buf, src, &bad);
    while (err && bad && l->ds->skip_bad) {
        if (!l->p.shuffle) {
            *at = -1;
            return 0;
        }
        *at = (*at + 1) % count;
        if (*at == first)
            return fail(OCELLI_ERR_FORMAT, "%s: no image that can be read", l->ds->info.name);
        err = dataset_pixels(l->ds, *at, buf, src, &bad);
    }
    return err;
}

static int fill(const struct loader *l, struct slot *s, uint8_t *buf)
{
    struct batch *b = &s->batch;
    const struct ocelli_dataset_info *in = &l->ds->info;
    size_t image = (size_t)in->channels * (size_t)in->height * (size_t)in->width;
    int err = 0;
    memset(b->pixels, 0, (size_t)l->p.batch * image * sizeof(float));
    memset(b->labels, 0, (size_t)l->p.batch * sizeof(int32_t));
    for (int i = 0; i < b->count; i++) {
        int64_t at = s->index[i];
        const uint8_t *src;
        float *dst = b->pixels + (size_t)i * image;
        TRY(read_image(l, &at, buf, &src));
        b->labels[i] = at < 0 ? -1 : l->ds->labels[at];
        if (at < 0)
            continue;
        if (l->augments)
            augment_image(&l->augmenter, b->epoch, at, src, dst);
        else
            plain_image(l, src, dst);
    }
out:
    return err;
}

/* A free slot with what its batch is to be, in the order of the batches; NULL when there is nothing
 * more to do. */
static struct slot *begin(struct loader *l)
{
    struct slot *found = NULL;
    pthread_mutex_lock(&l->mutex);
    while (!l->stop && !found) {
        if (l->step == l->steps && !l->p.shuffle)
            break;
        for (int i = 0; i < l->n && !found; i++)
            if (l->slot[i].state == FREE)
                found = &l->slot[i];
        if (!found)
            pthread_cond_wait(&l->changed, &l->mutex);
    }
    if (l->stop)
        found = NULL;
    if (found) {
        if (l->step == l->steps) {
            l->step = 0;
            shuffle(l, ++l->epoch);
        }
        struct batch *b = &found->batch;
        int64_t first = l->step * l->p.batch;
        b->epoch = l->epoch;
        b->step = l->step++;
        b->count = (int)MIN((int64_t)l->p.batch, l->ds->info.count - first);
        memcpy(found->index, l->order + first, (size_t)b->count * sizeof(*l->order));
        found->number = l->begun++;
        found->state = FILLING;
    }
    pthread_mutex_unlock(&l->mutex);
    return found;
}

static void *work(void *arg)
{
    struct loader *l = arg;
    struct slot *s;
    uint8_t *buf = l->ds->pixels ? NULL : malloc(l->ds->image_bytes);
    while ((s = begin(l)) != NULL) {
        s->err = buf || l->ds->pixels ? fill(l, s, buf) : fail_memory();
        if (s->err)
            snprintf(s->why, sizeof(s->why), "%s", ocelli_error());
        pthread_mutex_lock(&l->mutex);
        s->state = READY;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->mutex);
    }
    free(buf);
    return NULL;
}

static int allocate(struct loader *l)
{
    const struct ocelli_dataset_info *in = &l->ds->info;
    size_t pixels = (size_t)in->channels * (size_t)in->height * (size_t)in->width;
    if (!mul_size((size_t)l->p.batch, pixels, &pixels) || !mul_size(pixels, sizeof(float), &pixels))
        return fail(OCELLI_ERR_INVALID, "loader: a batch of %d is too large", l->p.batch);
    l->slot = calloc((size_t)l->n, sizeof(*l->slot));
    l->order = calloc((size_t)l->ds->info.count, sizeof(*l->order));
    if (!l->slot || !l->order)
        return fail_memory();
    for (int i = 0; i < l->n; i++) {
        struct batch *b = &l->slot[i].batch;
        b->pixels = malloc(pixels);
        b->labels = calloc((size_t)l->p.batch, sizeof(*b->labels));
        l->slot[i].index = calloc((size_t)l->p.batch, sizeof(*l->slot[i].index));
        if (!b->pixels || !b->labels || !l->slot[i].index)
            return fail_memory();
    }
    return 0;
}

static int thread_count(const struct loader *l)
{
    long n = l->p.threads;
    if (n <= 0)
        n = l->ds->pixels ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    return (int)MAX(1, MIN(n, MIN(MAX_THREADS, l->n)));
}

/* The threads take no signals: they are the program's own threads' business. */
static int start(struct loader *l)
{
    sigset_t all, old;
    int code = 0;
    l->has_mutex = pthread_mutex_init(&l->mutex, NULL) == 0;
    l->has_cond = pthread_cond_init(&l->changed, NULL) == 0;
    if (!l->has_mutex || !l->has_cond)
        return fail_memory();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int n = thread_count(l); code == 0 && l->n_threads < n;) {
        code = pthread_create(&l->thread[l->n_threads], NULL, work, l);
        l->n_threads += code == 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code ? fail(OCELLI_ERR_MEMORY, "loader: cannot start a thread: %s", strerror(code)) : 0;
}

int loader_create(struct loader **out, const struct ocelli_dataset *ds,
                  const struct loader_params *p)
{
    int err = 0;
    *out = NULL;
    int group = p->shuffle && p->group > 1 ? p->group : 1;
    int64_t steps = p->batch < 1 ? 0 : loader_steps(ds, p->batch, p->shuffle) / group * group;
    if (steps < 1)
        return fail(OCELLI_ERR_INVALID, "%s: %" PRId64 " images do not make a batch of %d",
                    ds->info.name, ds->info.count, p->batch);
    if (p->epoch < 0 || p->step < 0 || p->step > steps)
        return fail(OCELLI_ERR_INVALID, "%s: no batch %" PRId64 " in an epoch of %" PRId64,
                    ds->info.name, p->step, steps);
    struct loader *l = calloc(1, sizeof(*l));
    if (!l)
        return fail_memory();
    l->ds = ds;
    l->p = *p;
    l->steps = steps;
    l->epoch = p->epoch;
    l->step = p->step;
    l->n = p->buffers > 0 ? p->buffers : BUFFERS;
    for (int i = 0; i < 256; i++)
        l->value[i] = (float)i / 255.0f;
    const struct ocelli_augment *a = &p->augment;
    l->augments = p->shuffle && (a->flip || a->crop != 0 || a->color != 0);
    if (l->augments)
        TRY(augment_init(&l->augmenter, ds, a, p->seed));
    TRY(allocate(l));
    shuffle(l, l->epoch);
    TRY(start(l));
    *out = l;
    l = NULL;
out:
    loader_destroy(&l);
    return err;
}

/* The slot of the batch whose turn it is, NULL when it is not ready. */
static struct slot *turn(struct loader *l)
{
    for (int i = 0; i < l->n; i++)
        if (l->slot[i].state == READY && l->slot[i].number == l->given)
            return &l->slot[i];
    return NULL;
}

static bool at_end(const struct loader *l)
{
    return !l->p.shuffle && l->step == l->steps && l->given == l->begun;
}

int loader_next(struct loader *l, struct batch **out)
{
    int err = 0;
    struct slot *s = NULL;
    *out = NULL;
    pthread_mutex_lock(&l->mutex);
    while (!at_end(l) && l->n_out < l->n && (s = turn(l)) == NULL)
        pthread_cond_wait(&l->changed, &l->mutex);
    if (s && s->err) {
        err = fail(s->err, "%s", s->why);
    } else if (s) {
        l->given++;
        l->n_out++;
        s->state = OUT;
        *out = &s->batch;
    } else if (!at_end(l)) {
        err = fail(OCELLI_ERR_INVALID, "loader: all %d batches are out", l->n);
    }
    pthread_mutex_unlock(&l->mutex);
    return err;
}

void loader_release(struct loader *l, struct batch *b)
{
    struct slot *s = (struct slot *)b;
    pthread_mutex_lock(&l->mutex);
    s->state = FREE;
    l->n_out--;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

void loader_destroy(struct loader **p)
{
    struct loader *l = *p;
    if (!l)
        return;
    if (l->n_threads > 0) {
        pthread_mutex_lock(&l->mutex);
        l->stop = true;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->mutex);
    }
    for (int i = 0; i < l->n_threads; i++)
        pthread_join(l->thread[i], NULL);
    if (l->has_cond)
        pthread_cond_destroy(&l->changed);
    if (l->has_mutex)
        pthread_mutex_destroy(&l->mutex);
    for (int i = 0; l->slot && i < l->n; i++) {
        free(l->slot[i].batch.pixels);
        free(l->slot[i].batch.labels);
        free(l->slot[i].index);
    }
    free(l->slot);
    free(l->order);
    free(l);
    *p = NULL;
}
