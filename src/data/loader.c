#include "data/loader.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/augment.h"
#include "data/dataset.h"

#define BUFFERS 8
/* Keeps the order of images unrelated to other random streams of the same seed. */
#define SHUFFLE_STREAM 0x73687566666c6500u

enum state { FREE, READY, OUT };

struct slot {
    struct batch batch; /* first: the caller's pointer is the slot's */
    enum state state;
};

struct loader {
    const struct ocelli_dataset *ds;
    struct loader_params p;
    int64_t steps;
    struct slot *slot;
    int n;
    int *ring; /* slots that are ready, oldest at `first` */
    int first, n_ready, n_out;
    bool stop, ended;
    uint32_t *order; /* of the epoch in work */
    float value[256];
    struct augmenter augmenter;
    bool augments;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    bool has_mutex, has_cond, has_thread;
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

static void fill(struct loader *l, struct batch *b, int64_t epoch, int64_t step)
{
    size_t image = l->ds->image_bytes;
    int64_t first = step * l->p.batch;
    b->epoch = epoch;
    b->step = step;
    b->count = (int)MIN((int64_t)l->p.batch, l->ds->info.count - first);
    for (int i = 0; i < b->count; i++) {
        size_t at = l->order[first + i];
        const uint8_t *src = l->ds->images.data + at * image;
        float *dst = b->pixels + (size_t)i * image;
        if (l->augments)
            augment_image(&l->augmenter, epoch, (int64_t)at, src, dst);
        else
            for (size_t k = 0; k < image; k++)
                dst[k] = l->value[src[k]];
        b->labels[i] = l->ds->labels.data[at];
    }
    size_t rest = (size_t)(l->p.batch - b->count);
    memset(b->pixels + (size_t)b->count * image, 0, rest * image * sizeof(float));
    memset(b->labels + b->count, 0, rest * sizeof(int32_t));
}

/* A free slot, or NULL when the loader is to stop. */
static struct slot *wait_free(struct loader *l)
{
    struct slot *found = NULL;
    pthread_mutex_lock(&l->mutex);
    while (!l->stop && !found) {
        for (int i = 0; i < l->n && !found; i++)
            if (l->slot[i].state == FREE)
                found = &l->slot[i];
        if (!found)
            pthread_cond_wait(&l->changed, &l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
    return found;
}

static void *work(void *arg)
{
    struct loader *l = arg;
    int64_t epoch = l->p.epoch, step = l->p.step;
    shuffle(l, epoch);
    for (;;) {
        if (step == l->steps) {
            if (!l->p.shuffle)
                break;
            step = 0;
            shuffle(l, ++epoch);
        }
        struct slot *s = wait_free(l); /* nobody else takes a free slot: no lock while filling */
        if (!s)
            return NULL;
        fill(l, &s->batch, epoch, step++);
        pthread_mutex_lock(&l->mutex);
        s->state = READY;
        l->ring[(l->first + l->n_ready++) % l->n] = (int)(s - l->slot);
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->mutex);
    }
    pthread_mutex_lock(&l->mutex);
    l->ended = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

static int allocate(struct loader *l)
{
    size_t pixels;
    if (!mul_size((size_t)l->p.batch, l->ds->image_bytes, &pixels) ||
        !mul_size(pixels, sizeof(float), &pixels))
        return fail(OCELLI_ERR_INVALID, "loader: a batch of %d is too large", l->p.batch);
    l->slot = calloc((size_t)l->n, sizeof(*l->slot));
    l->ring = calloc((size_t)l->n, sizeof(*l->ring));
    l->order = calloc((size_t)l->ds->info.count, sizeof(*l->order));
    if (!l->slot || !l->ring || !l->order)
        return fail_memory();
    for (int i = 0; i < l->n; i++) {
        struct batch *b = &l->slot[i].batch;
        b->pixels = malloc(pixels);
        b->labels = calloc((size_t)l->p.batch, sizeof(*b->labels));
        if (!b->pixels || !b->labels)
            return fail_memory();
    }
    return 0;
}

/* The thread takes no signals: they are the program's own threads' business. */
static int start(struct loader *l)
{
    sigset_t all, old;
    l->has_mutex = pthread_mutex_init(&l->mutex, NULL) == 0;
    l->has_cond = pthread_cond_init(&l->changed, NULL) == 0;
    if (!l->has_mutex || !l->has_cond)
        return fail_memory();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int code = pthread_create(&l->thread, NULL, work, l);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    l->has_thread = code == 0;
    return code ? fail(OCELLI_ERR_MEMORY, "loader: cannot start a thread: %s", strerror(code)) : 0;
}

int loader_create(struct loader **out, const struct ocelli_dataset *ds,
                  const struct loader_params *p)
{
    int err = 0;
    *out = NULL;
    int64_t steps = p->batch < 1 ? 0 : loader_steps(ds, p->batch, p->shuffle);
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
    l->n = p->buffers > 0 ? p->buffers : BUFFERS;
    for (int i = 0; i < 256; i++)
        l->value[i] = (float)i / 255.0f;
    const struct ocelli_augment *a = &p->augment;
    l->augments = p->shuffle && (a->flip || a->crop != 0 || a->color != 0);
    if (l->augments)
        TRY(augment_init(&l->augmenter, ds, a, p->seed));
    TRY(allocate(l));
    TRY(start(l));
    *out = l;
    l = NULL;
out:
    loader_destroy(&l);
    return err;
}

int loader_next(struct loader *l, struct batch **out)
{
    int err = 0;
    *out = NULL;
    pthread_mutex_lock(&l->mutex);
    while (l->n_ready == 0 && !l->ended && l->n_out < l->n)
        pthread_cond_wait(&l->changed, &l->mutex);
    if (l->n_ready > 0) {
        struct slot *s = &l->slot[l->ring[l->first]];
        l->first = (l->first + 1) % l->n;
        l->n_ready--;
        l->n_out++;
        s->state = OUT;
        *out = &s->batch;
    } else if (!l->ended) {
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
    if (l->has_thread) {
        pthread_mutex_lock(&l->mutex);
        l->stop = true;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->mutex);
        pthread_join(l->thread, NULL);
    }
    if (l->has_cond)
        pthread_cond_destroy(&l->changed);
    if (l->has_mutex)
        pthread_mutex_destroy(&l->mutex);
    for (int i = 0; l->slot && i < l->n; i++) {
        free(l->slot[i].batch.pixels);
        free(l->slot[i].batch.labels);
    }
    free(l->slot);
    free(l->ring);
    free(l->order);
    free(l);
    *p = NULL;
}
