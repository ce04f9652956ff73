/* Asking a device what it can do. */
#include <stdlib.h>
#include <string.h>

#include <ocelli/version.h>

#include "device/discover.h"
#include "device/quirks.h"

bool has_kind(cl_device_type types, enum ocelli_device_type type)
{
    static const cl_device_type bit[] = {
        [OCELLI_DEVICE_CPU] = CL_DEVICE_TYPE_CPU,
        [OCELLI_DEVICE_GPU] = CL_DEVICE_TYPE_GPU,
        [OCELLI_DEVICE_ACCELERATOR] = CL_DEVICE_TYPE_ACCELERATOR,
        [OCELLI_DEVICE_NULL] = 0,
    };
    return (types & bit[type]) != 0;
}

const char *kind_word(enum ocelli_device_type type)
{
    static const char *const words[] = {
        [OCELLI_DEVICE_CPU] = "cpu",
        [OCELLI_DEVICE_GPU] = "gpu",
        [OCELLI_DEVICE_ACCELERATOR] = "accelerator",
        [OCELLI_DEVICE_NULL] = "null",
    };
    return words[type];
}

static int ask(cl_device_id id, cl_device_info what, void *out, size_t bytes)
{
    int err = 0;
    CL_TRY(clGetDeviceInfo(id, what, bytes, out, NULL));
out:
    return err;
}

/* The whole text, the caller's to free. */
static int ask_text(cl_device_id id, cl_device_info what, char **out)
{
    int err = 0;
    size_t bytes = 0;
    *out = NULL;
    CL_TRY(clGetDeviceInfo(id, what, 0, NULL, &bytes));
    *out = calloc(bytes + 1, 1);
    if (!*out)
        return fail_memory();
    CL_TRY(clGetDeviceInfo(id, what, bytes, *out, NULL));
out:
    if (err) {
        free(*out);
        *out = NULL;
    }
    return err;
}

/* The text without blanks at its ends, cut to the field. */
static int ask_field(cl_device_id id, cl_device_info what, char field[128])
{
    char *s;
    int err = ask_text(id, what, &s);
    if (err)
        return err;
    const char *from = s + strspn(s, " \t");
    size_t len = strlen(from);
    while (len > 0 && strchr(" \t\n", from[len - 1]))
        len--;
    len = MIN(len, (size_t)127);
    memcpy(field, from, len);
    field[len] = 0;
    free(s);
    return 0;
}

static bool has_word(const char *words, const char *w)
{
    size_t len = strlen(w);
    for (const char *s = words; (s = strstr(s, w)); s += len)
        if ((s == words || s[-1] == ' ') && (s[len] == ' ' || s[len] == 0))
            return true;
    return false;
}

/* The CPU families are written for 4, 8 and 16 floats. A driver that does not know says 0 or 1; 4
 * then is right on every machine. */
static int family_width(int native)
{
    return native >= 16 ? 16 : native >= 8 ? 8 : 4;
}

static int query_text(struct found *f, char **extensions)
{
    int err;
    size_t bytes = sizeof(f->info.platform) - 1;
    *extensions = NULL;
    memset(f->info.platform, 0, sizeof(f->info.platform));
    CL_TRY(clGetPlatformInfo(f->platform, CL_PLATFORM_NAME, bytes, f->info.platform, NULL));
    TRY(ask_field(f->id, CL_DEVICE_NAME, f->info.name));
    TRY(ask_field(f->id, CL_DEVICE_VENDOR, f->info.vendor));
    TRY(ask_field(f->id, CL_DRIVER_VERSION, f->info.driver));
    TRY(ask_field(f->id, CL_DEVICE_VERSION, f->info.version));
    TRY(ask_text(f->id, CL_DEVICE_EXTENSIONS, extensions));
out:
    return err;
}

static int query_limits(struct found *f)
{
    int err;
    cl_device_id id = f->id;
    struct caps *c = &f->caps;
    cl_uint units, width, align_bits, dims;
    cl_ulong memory, max_alloc, local;
    cl_bool unified;
    size_t item[16] = {0};
    TRY(ask(id, CL_DEVICE_MAX_COMPUTE_UNITS, &units, sizeof(units)));
    TRY(ask(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, &width, sizeof(width)));
    TRY(ask(id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, &align_bits, sizeof(align_bits)));
    TRY(ask(id, CL_DEVICE_GLOBAL_MEM_SIZE, &memory, sizeof(memory)));
    TRY(ask(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, &max_alloc, sizeof(max_alloc)));
    TRY(ask(id, CL_DEVICE_LOCAL_MEM_SIZE, &local, sizeof(local)));
    TRY(ask(id, CL_DEVICE_HOST_UNIFIED_MEMORY, &unified, sizeof(unified)));
    TRY(ask(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, &c->max_group, sizeof(c->max_group)));
    TRY(ask(id, CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, &dims, sizeof(dims)));
    if (dims < 3 || dims > COUNT(item))
        return fail(OCELLI_ERR_DEVICE, "%s: says it has %u work-item dimensions", f->info.name,
                    dims);
    TRY(ask(id, CL_DEVICE_MAX_WORK_ITEM_SIZES, item, dims * sizeof(item[0])));
    memcpy(c->max_item, item, sizeof(c->max_item));
    c->compute_units = (int)MAX(units, 1u);
    f->info.vector_width = (int)width;
    c->vector_width = family_width((int)width);
    size_t align = align_bits / 8;
    c->align = align && (align & (align - 1)) == 0 ? align : 128;
    c->memory_bytes = memory;
    c->max_alloc = MIN(max_alloc, (cl_ulong)SIZE_MAX);
    c->local_bytes = (size_t)local;
    c->unified_memory = unified;
out:
    return err;
}

int caps_query(struct found *f, enum ocelli_device_type as)
{
    int err;
    struct caps *c = &f->caps;
    struct ocelli_device_info *info = &f->info;
    char *extensions = NULL;
    cl_command_queue_properties queue;
    TRY(ask(f->id, CL_DEVICE_TYPE, &f->types, sizeof(f->types)));
    TRY(query_text(f, &extensions));
    TRY(query_limits(f));
    TRY(ask(f->id, CL_DEVICE_QUEUE_PROPERTIES, &queue, sizeof(queue)));
    c->type = has_kind(f->types, as)                  ? as
              : has_kind(f->types, OCELLI_DEVICE_GPU) ? OCELLI_DEVICE_GPU
              : has_kind(f->types, OCELLI_DEVICE_CPU) ? OCELLI_DEVICE_CPU
                                                      : OCELLI_DEVICE_ACCELERATOR;
    c->cpu_style = c->type == OCELLI_DEVICE_CPU;
    c->fp16 = has_word(extensions, "cl_khr_fp16");
    c->fp64 = has_word(extensions, "cl_khr_fp64");
    c->command_buffer = has_word(extensions, "cl_khr_command_buffer");
    c->out_of_order = (queue & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
    c->quirks = quirks_of(info->platform, info->driver);
#ifdef HAVE_CLBLAST
    c->clblast = true;
#endif
    info->type = c->type;
    info->compute_units = c->compute_units;
    info->memory_bytes = c->memory_bytes;
    info->max_alloc_bytes = c->max_alloc;
    info->local_bytes = c->local_bytes;
    info->fp16 = c->fp16;
    info->fp64 = c->fp64;
    info->out_of_order = c->out_of_order;
    info->command_buffer = c->command_buffer;
out:
    free(extensions);
    return err;
}

/* OpenCL's least for a full profile, and what all graphics processors have. */
#define STYLE_GROUP 256
#define STYLE_LOCAL 32768

void caps_graphics(struct caps *c)
{
    if (!c->cpu_style)
        return;
    c->cpu_style = false;
    c->max_group = MIN(c->max_group, (size_t)STYLE_GROUP);
    c->local_bytes = MIN(c->local_bytes, (size_t)STYLE_LOCAL);
}

int caps_style(struct caps *c)
{
    const char *style = secure_getenv("OCELLI_STYLE");
    if (!style || !*style)
        return 0;
    if (strcmp(style, "gpu") != 0 && strcmp(style, "cpu") != 0)
        return fail(OCELLI_ERR_INVALID, "OCELLI_STYLE: \"%s\" is neither gpu nor cpu", style);
    if (strcmp(style, "cpu") == 0)
        c->cpu_style = true;
    else
        caps_graphics(c);
    return 0;
}

/* A wide CPU, so that the plans of the null device show the families of the CPU. */
void caps_null(struct ocelli_device_info *info, struct caps *caps)
{
    *caps = (struct caps){
        .type = OCELLI_DEVICE_NULL,
        .cpu_style = true,
        .compute_units = 8,
        .vector_width = 16,
        .max_group = 4096,
        .max_item = {4096, 4096, 4096},
        .local_bytes = (size_t)1 << 20,
        .align = 128,
        .memory_bytes = (uint64_t)64 << 30,
        .max_alloc = (uint64_t)16 << 30,
        .fp64 = true,
        .out_of_order = true,
        .unified_memory = true,
    };
    *info = (struct ocelli_device_info){
        .index = -1,
        .name = "null",
        .platform = "none",
        .vendor = "none",
        .version = "OpenCL 1.2",
        .type = OCELLI_DEVICE_NULL,
        .compute_units = caps->compute_units,
        .memory_bytes = caps->memory_bytes,
        .max_alloc_bytes = caps->max_alloc,
        .local_bytes = caps->local_bytes,
        .vector_width = caps->vector_width,
        .fp64 = true,
        .out_of_order = true,
    };
    strncpy(info->driver, ocelli_version(), sizeof(info->driver) - 1);
}
