/* OpenCL calls: failing with the code's name, failing on purpose, counting live objects. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cl.h"

static const struct {
    cl_int code;
    const char *name;
} codes[] = {
    {CL_SUCCESS, "CL_SUCCESS"},
    {CL_DEVICE_NOT_FOUND, "CL_DEVICE_NOT_FOUND"},
    {CL_DEVICE_NOT_AVAILABLE, "CL_DEVICE_NOT_AVAILABLE"},
    {CL_COMPILER_NOT_AVAILABLE, "CL_COMPILER_NOT_AVAILABLE"},
    {CL_MEM_OBJECT_ALLOCATION_FAILURE, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
    {CL_OUT_OF_RESOURCES, "CL_OUT_OF_RESOURCES"},
    {CL_OUT_OF_HOST_MEMORY, "CL_OUT_OF_HOST_MEMORY"},
    {CL_PROFILING_INFO_NOT_AVAILABLE, "CL_PROFILING_INFO_NOT_AVAILABLE"},
    {CL_MEM_COPY_OVERLAP, "CL_MEM_COPY_OVERLAP"},
    {CL_BUILD_PROGRAM_FAILURE, "CL_BUILD_PROGRAM_FAILURE"},
    {CL_MAP_FAILURE, "CL_MAP_FAILURE"},
    {CL_MISALIGNED_SUB_BUFFER_OFFSET, "CL_MISALIGNED_SUB_BUFFER_OFFSET"},
    {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST"},
    {CL_COMPILE_PROGRAM_FAILURE, "CL_COMPILE_PROGRAM_FAILURE"},
    {CL_LINKER_NOT_AVAILABLE, "CL_LINKER_NOT_AVAILABLE"},
    {CL_LINK_PROGRAM_FAILURE, "CL_LINK_PROGRAM_FAILURE"},
    {CL_KERNEL_ARG_INFO_NOT_AVAILABLE, "CL_KERNEL_ARG_INFO_NOT_AVAILABLE"},
    {CL_INVALID_VALUE, "CL_INVALID_VALUE"},
    {CL_INVALID_DEVICE_TYPE, "CL_INVALID_DEVICE_TYPE"},
    {CL_INVALID_PLATFORM, "CL_INVALID_PLATFORM"},
    {CL_INVALID_DEVICE, "CL_INVALID_DEVICE"},
    {CL_INVALID_CONTEXT, "CL_INVALID_CONTEXT"},
    {CL_INVALID_QUEUE_PROPERTIES, "CL_INVALID_QUEUE_PROPERTIES"},
    {CL_INVALID_COMMAND_QUEUE, "CL_INVALID_COMMAND_QUEUE"},
    {CL_INVALID_HOST_PTR, "CL_INVALID_HOST_PTR"},
    {CL_INVALID_MEM_OBJECT, "CL_INVALID_MEM_OBJECT"},
    {CL_INVALID_BINARY, "CL_INVALID_BINARY"},
    {CL_INVALID_BUILD_OPTIONS, "CL_INVALID_BUILD_OPTIONS"},
    {CL_INVALID_PROGRAM, "CL_INVALID_PROGRAM"},
    {CL_INVALID_PROGRAM_EXECUTABLE, "CL_INVALID_PROGRAM_EXECUTABLE"},
    {CL_INVALID_KERNEL_NAME, "CL_INVALID_KERNEL_NAME"},
    {CL_INVALID_KERNEL_DEFINITION, "CL_INVALID_KERNEL_DEFINITION"},
    {CL_INVALID_KERNEL, "CL_INVALID_KERNEL"},
    {CL_INVALID_ARG_INDEX, "CL_INVALID_ARG_INDEX"},
    {CL_INVALID_ARG_VALUE, "CL_INVALID_ARG_VALUE"},
    {CL_INVALID_ARG_SIZE, "CL_INVALID_ARG_SIZE"},
    {CL_INVALID_KERNEL_ARGS, "CL_INVALID_KERNEL_ARGS"},
    {CL_INVALID_WORK_DIMENSION, "CL_INVALID_WORK_DIMENSION"},
    {CL_INVALID_WORK_GROUP_SIZE, "CL_INVALID_WORK_GROUP_SIZE"},
    {CL_INVALID_WORK_ITEM_SIZE, "CL_INVALID_WORK_ITEM_SIZE"},
    {CL_INVALID_GLOBAL_OFFSET, "CL_INVALID_GLOBAL_OFFSET"},
    {CL_INVALID_EVENT_WAIT_LIST, "CL_INVALID_EVENT_WAIT_LIST"},
    {CL_INVALID_EVENT, "CL_INVALID_EVENT"},
    {CL_INVALID_OPERATION, "CL_INVALID_OPERATION"},
    {CL_INVALID_BUFFER_SIZE, "CL_INVALID_BUFFER_SIZE"},
    {CL_INVALID_GLOBAL_WORK_SIZE, "CL_INVALID_GLOBAL_WORK_SIZE"},
    {CL_INVALID_PROPERTY, "CL_INVALID_PROPERTY"},
    {CL_INVALID_COMPILER_OPTIONS, "CL_INVALID_COMPILER_OPTIONS"},
    {CL_INVALID_LINKER_OPTIONS, "CL_INVALID_LINKER_OPTIONS"},
    {CL_INVALID_DEVICE_PARTITION_COUNT, "CL_INVALID_DEVICE_PARTITION_COUNT"},
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
};

const char *cl_code_name(cl_int code)
{
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].code == code)
            return codes[i].name;
    return "unknown code";
}

int cl_fail(cl_int code, const char *call)
{
    int err;
    switch (code) {
    case CL_OUT_OF_HOST_MEMORY:
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
        err = OCELLI_ERR_MEMORY;
        break;
    case CL_BUILD_PROGRAM_FAILURE:
    case CL_COMPILE_PROGRAM_FAILURE:
    case CL_LINK_PROGRAM_FAILURE:
    case CL_COMPILER_NOT_AVAILABLE:
        err = OCELLI_ERR_BUILD;
        break;
    default:
        err = OCELLI_ERR_DEVICE;
    }
    /* `call` is the source text of the call: the name is enough. */
    return fail(err, "%.*s: %s (%d)", (int)strcspn(call, "( "), call, cl_code_name(code), code);
}

/* ---- Failing on purpose, for tests only: the one piece of process-wide state that changes ---- */

static struct {
    pthread_once_t once;
    atomic_int calls; /* since the last arming */
    atomic_int n;     /* the call that is to fail, 0: none */
    atomic_bool always;
    atomic_int code;
} fault = {.once = PTHREAD_ONCE_INIT};

static void fault_from_environment(void)
{
    const char *s = secure_getenv("OCELLI_FAULT");
    int n = 0, code = CL_OUT_OF_RESOURCES;
    bool always = false;
    while (s && *s) {
        if (strncmp(s, "call=", 5) == 0)
            n = atoi(s + 5);
        else if (strncmp(s, "code=", 5) == 0)
            code = atoi(s + 5);
        else if (strncmp(s, "mode=always", 11) == 0)
            always = true;
        s += strcspn(s, ",");
        s += *s == ',';
    }
    atomic_store(&fault.code, code < 0 ? code : CL_OUT_OF_RESOURCES);
    atomic_store(&fault.always, always);
    atomic_store(&fault.n, MAX(n, 0));
}

cl_int fault_next(const char *call)
{
    (void)call;
    pthread_once(&fault.once, fault_from_environment);
    int i = atomic_fetch_add_explicit(&fault.calls, 1, memory_order_relaxed) + 1;
    int n = atomic_load_explicit(&fault.n, memory_order_relaxed);
    if (n == 0 || i < n || (i > n && !atomic_load(&fault.always)))
        return CL_SUCCESS;
    return atomic_load(&fault.code);
}

int fault_arm(int n, bool always, cl_int code)
{
    pthread_once(&fault.once, fault_from_environment);
    atomic_store(&fault.n, 0);
    atomic_store(&fault.always, always);
    atomic_store(&fault.code, code);
    int calls = atomic_exchange(&fault.calls, 0);
    atomic_store(&fault.n, n);
    return calls;
}

/* ---- Live objects ---- */

static atomic_int live;

int cl_live(void)
{
    return atomic_load(&live);
}

void cl_count(int delta)
{
    atomic_fetch_add(&live, delta);
}
