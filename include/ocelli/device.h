/* Devices: finding one, opening one, what it can do. */
#ifndef OCELLI_DEVICE_H
#define OCELLI_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocelli/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ocelli_device;

enum ocelli_device_type {
    OCELLI_DEVICE_CPU,
    OCELLI_DEVICE_GPU,
    OCELLI_DEVICE_ACCELERATOR,
    OCELLI_DEVICE_NULL, /* plans, but cannot run: needs no OpenCL */
};

/* One device as discovery sees it. */
struct ocelli_device_info {
    int index;         /* over all platforms, the N of --device N */
    char name[128];
    char platform[128];
    char vendor[128];
    char driver[128];  /* driver version */
    char version[128]; /* OpenCL version of the device */
    enum ocelli_device_type type;
    bool is_default;   /* what ocelli_device_open() takes when asked for nothing */
    int compute_units;
    uint64_t memory_bytes;
    uint64_t max_alloc_bytes;
    uint64_t local_bytes;
    int vector_width;  /* native float vector width */
    bool fp16, fp64, out_of_order, command_buffer;
};

/* Lists every device of every platform. *out is one block for the caller to free(); *n may be 0.
 * Fails: NO_DEVICE (the loader finds no platform at all; the message says how to install one),
 * MEMORY, DEVICE.
 * Thread-safety: safe. */
OCELLI_API int ocelli_devices(struct ocelli_device_info **out, size_t *n);

/* Zero in a field means its default. The struct need only live until the call returns. */
struct ocelli_tune_progress; /* tune.h */

struct ocelli_device_params {
    const char *device;   /* index, part of a name, "cpu", "gpu", "null"; NULL: $OCELLI_DEVICE, else
                             the best device found: a GPU before a CPU */
    const char *platform; /* part of a platform's name; NULL: $OCELLI_PLATFORM, else any */
    int lanes;            /* compute queues; 0: as many as suit the device */
    bool profile;         /* keep the times of every command (needed by trace and bench) */
    bool no_cache;        /* do not keep compiled kernels on disk */
    ocelli_log_fn log;    /* NULL: silence */
    void *log_user;
    /* Told while programs are made ready, which takes seconds the first time: so many of n are. From
       the thread that called. NULL: nobody. */
    void (*building)(void *user, int done, int n);
    void *building_user;
    /* Told while a plan made with effort QUICK or FULL (plan.h) is tuned, about ten times a second.
       False: stop now, and run with what was found so far. NULL: nobody. */
    bool (*tuning)(void *user, const struct ocelli_tune_progress *p);
    void *tuning_user;
    /* A program whose `compile-worker` command is ocelli_compile_worker(), as the command `ocelli` has
       it. Where the driver compiles one program at a time (PoCL), several such processes then share what
       the disk cache lacks, one a processor; each ends with the call that needed it. NULL: no processes. */
    const char *compiler;
};

/* What a program named in `compiler` does: compiles for its parent process, which talks to it on standard input
 * and output, until the end of input. A program that is its own compiler calls it when its first
 * argument is "compile-worker", before it uses OpenCL.
 * Fails: IO, INVALID, NO_DEVICE, DEVICE. */
OCELLI_API int ocelli_compile_worker(void);

/* Opens a device. p may be NULL.
 * Fails: NO_DEVICE, INVALID (the request names nothing here; the message lists what there is),
 * DEVICE, MEMORY.
 * Thread-safety: safe. A device and all made from it belong to one thread at a time; two devices
 * are independent. */
OCELLI_API int ocelli_device_open(struct ocelli_device **out, const struct ocelli_device_params *p);

/* Waits for all work, releases everything, NULLs the pointer; NULL is fine. Tensors, weights and
 * plans of the device must be destroyed before. */
OCELLI_API void ocelli_device_close(struct ocelli_device **dev);

OCELLI_API const struct ocelli_device_info *ocelli_device_get_info(const struct ocelli_device *dev);

/* Waits until every command given to the device is complete.
 * Fails: DEVICE, also for a command that failed after it was accepted; the device can be used
 * again afterwards. */
OCELLI_API int ocelli_device_finish(struct ocelli_device *dev);

struct ocelli_device_stats {
    uint64_t bytes_allocated; /* device memory held now by tensors, weights and plans */
    uint64_t bytes_peak;      /* the most that was held at once */
    uint64_t programs_built;  /* compiled from source by the driver */
    uint64_t programs_cached; /* taken from the disk cache */
    uint64_t launches;        /* kernels enqueued */
    uint64_t transfers;       /* reads, writes, copies, fills enqueued */
};
OCELLI_API void ocelli_device_get_stats(const struct ocelli_device *dev,
                                        struct ocelli_device_stats *out);

/* What the device does at best, measured by kernels that do nothing else. */
struct ocelli_device_peak {
    double gflops; /* 1e9 float operations a second, a multiply-add counting as two; 0: not known */
    double gbs;    /* 1e9 bytes a second read from memory; 0: not known */
};
/* What was measured on this device and driver before (it is kept beside the compiled kernels). `measure`:
 * measures now, which takes about a second; the best that was ever seen counts.
 * Fails: DEVICE, BUILD, MEMORY. */
OCELLI_API int ocelli_device_get_peak(struct ocelli_device *dev, bool measure,
                                      struct ocelli_device_peak *out);

/* The times of every command since the device was opened (or since the last call) as Chrome trace
 * JSON, which Perfetto opens: a process a device, a thread a queue, queued / submitted / start / end
 * a command. Written to a temporary file first, then renamed. Needs params.profile.
 * Fails: INVALID (not profiling), IO, DEVICE. */
OCELLI_API int ocelli_device_write_trace(struct ocelli_device *dev, const char *path);
/* Of n devices in one file. How they lie beside each other is right where their clocks are the same. */
OCELLI_API int ocelli_devices_write_trace(struct ocelli_device *const *dev, int n,
                                          const char *path);

#ifdef __cplusplus
}
#endif
#endif
