/* Errors and messages.
 *
 * Every function that can fail returns 0 or one of the negative codes below. The words that go
 * with the last failure on the calling thread (what failed, where, why) are ocelli_error().
 * The library never prints, exits or aborts on input. */
#ifndef OCELLI_ERROR_H
#define OCELLI_ERROR_H

#if defined(__GNUC__) || defined(__clang__)
#define OCELLI_API __attribute__((visibility("default")))
#else
#define OCELLI_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum ocelli_err {
    OCELLI_OK = 0,
    OCELLI_ERR_INVALID = -1,     /* an argument is not acceptable */
    OCELLI_ERR_SHAPE = -2,       /* tensor shapes or types do not fit each other */
    OCELLI_ERR_UNSUPPORTED = -3, /* right, but not built here */
    OCELLI_ERR_MEMORY = -4,      /* host or device memory is exhausted */
    OCELLI_ERR_DEVICE = -5,      /* an OpenCL call failed, or a command failed on the device */
    OCELLI_ERR_BUILD = -6,       /* a kernel could not be compiled by the driver */
    OCELLI_ERR_NO_DEVICE = -7,   /* no OpenCL platform or no device fits the request */
    OCELLI_ERR_IO = -8,          /* a file could not be opened, read or written */
    OCELLI_ERR_FORMAT = -9,      /* a file's content is not what it should be */
    OCELLI_ERR_CANCELLED = -10,  /* a callback asked to stop */
};

/* The name of a code in words, "out of memory" for OCELLI_ERR_MEMORY; never NULL.
 * Thread-safety: safe. */
OCELLI_API const char *ocelli_strerror(int err);

/* What failed last on this thread, one line without a newline: "train-images.gz: truncated at
 * byte 5120". Empty when nothing has failed. Valid until the next failure on this thread.
 * Thread-safety: safe; the text is the calling thread's own. */
OCELLI_API const char *ocelli_error(void);

enum ocelli_log_level {
    OCELLI_LOG_ERROR,
    OCELLI_LOG_WARNING,
    OCELLI_LOG_INFO,
    OCELLI_LOG_DEBUG,
};

/* Receives one message, a line without a newline. May be called from any thread that uses the
 * object it was given to, never from two threads at once for one object. */
typedef void (*ocelli_log_fn)(void *user, enum ocelli_log_level level, const char *message);

#ifdef __cplusplus
}
#endif
#endif
