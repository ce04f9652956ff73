/* Opening and closing devices, and asking about them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "device/discover.h"
#include "device/quirks.h"

int device_make(struct ocelli_device **out, const struct found *f,
                const struct ocelli_device_params *p)
{
    struct caps caps = f->caps;
    *out = NULL;
    int err = caps_style(&caps);
    if (err)
        return err;
    struct ocelli_device *dev = calloc(1, sizeof(*dev));
    *out = dev;
    if (!dev)
        return fail_memory();
    *dev = (struct ocelli_device){
        .info = f->info,
        .caps = caps,
        .log = {p->log, p->log_user},
        .building = p->building,
        .building_user = p->building_user,
        .tuning = p->tuning,
        .tuning_user = p->tuning_user,
        .profile = p->profile,
        .use_cache = !p->no_cache && !(f->caps.quirks & QUIRK_NO_BINARY),
        .platform = f->platform,
        .id = f->id,
    };
    return 0;
}

int device_start(struct ocelli_device *dev, int lanes, cl_command_queue given)
{
    int err;
    TRY(queue_create(dev, lanes, given));
    TRY(programs_create(dev));
    log_to(&dev->log, OCELLI_LOG_DEBUG, "device: %s (%s, %s %s), %d compute units", dev->info.name,
           dev->info.platform, kind_word(dev->info.type), dev->info.driver,
           dev->caps.compute_units);
    for (unsigned bit = 1; quirk_name(bit); bit <<= 1)
        if (dev->caps.quirks & bit)
            log_to(&dev->log, OCELLI_LOG_DEBUG, "device: quirk %s", quirk_name(bit));
out:
    return err;
}

static int open_null(struct ocelli_device **out, const struct ocelli_device_params *p)
{
    struct found f = {0};
    caps_null(&f.info, &f.caps);
    return device_make(out, &f, p);
}

/* The kind the request names, where it names one: a simulator is then used as that. */
static enum ocelli_device_type kind_asked(const char *device)
{
    for (enum ocelli_device_type t = OCELLI_DEVICE_CPU; t < OCELLI_DEVICE_NULL; t++)
        if (strcasecmp(device, kind_word(t)) == 0)
            return t;
    return OCELLI_DEVICE_NULL;
}

int ocelli_device_open(struct ocelli_device **out, const struct ocelli_device_params *p)
{
    static const struct ocelli_device_params none;
    int err, n, pick;
    struct found *list = NULL;
    struct ocelli_device *dev = NULL;
    *out = NULL;
    p = p ? p : &none;
    if (p->lanes < 0)
        return fail(OCELLI_ERR_INVALID, "device: %d lanes", p->lanes);
    if (strcasecmp(wanted_device(p->device), "null") == 0)
        return open_null(out, p);
    struct log log = {p->log, p->log_user};
    TRY(discover(&log, &list, &n));
    TRY(discover_pick(list, n, p->device, p->platform, &pick));
    struct found *f = &list[pick];
    enum ocelli_device_type kind = kind_asked(wanted_device(p->device));
    if (has_kind(f->types, kind)) {
        f->caps.type = f->info.type = kind;
        f->caps.cpu_style = kind == OCELLI_DEVICE_CPU;
    }
    TRY(device_make(&dev, f, p));
    if (p->compiler && !(dev->compiler = strdup(p->compiler)))
        TRY(fail_memory());
    const cl_context_properties properties[] = {
        CL_CONTEXT_PLATFORM,
        (cl_context_properties)f->platform,
        0,
    };
    CL_NEW(dev->context, clCreateContext(properties, 1, &dev->id, NULL, NULL, &cl_err));
    TRY(device_start(dev, p->lanes, NULL));
    *out = dev;
    dev = NULL;
out:
    ocelli_device_close(&dev);
    free(list);
    return err;
}

/* Also for a device that was only half opened. */
void ocelli_device_close(struct ocelli_device **devp)
{
    struct ocelli_device *dev = devp ? *devp : NULL;
    if (!dev)
        return;
    *devp = NULL;
    if (dev->queue)
        queue_destroy(dev);
    if (dev->programs)
        programs_destroy(dev);
    clblast_forget(dev);
    if (dev->stats.bytes_allocated > 0 || dev->wrapped)
        log_to(&dev->log, OCELLI_LOG_WARNING,
               "device: closed while tensors, weights or plans of it still exist (%llu bytes)",
               (unsigned long long)dev->stats.bytes_allocated);
    CL_RELEASE(clReleaseContext, dev->context);
    free(dev->compiler);
    free(dev);
}

int ocelli_device_finish(struct ocelli_device *dev)
{
    return dev->queue ? queue_finish(dev) : 0;
}

const struct ocelli_device_info *ocelli_device_get_info(const struct ocelli_device *dev)
{
    return &dev->info;
}

void ocelli_device_get_stats(const struct ocelli_device *dev, struct ocelli_device_stats *out)
{
    *out = dev->stats;
}

const struct caps *device_caps(const struct ocelli_device *dev)
{
    return &dev->caps;
}

bool (*device_tuning(const struct ocelli_device *dev, void **user))(
    void *user, const struct ocelli_tune_progress *p)
{
    *user = dev->tuning_user;
    return dev->tuning;
}

const struct log *device_log(const struct ocelli_device *dev)
{
    return &dev->log;
}

bool device_is_null(const struct ocelli_device *dev)
{
    return dev->info.type == OCELLI_DEVICE_NULL;
}

bool device_profiles(const struct ocelli_device *dev)
{
    return dev->profile;
}
