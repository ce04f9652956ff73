/* ocelli devices: what there is to compute on. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <string.h>

#include "cli.h"

static json_t *device_json(const struct ocelli_device_info *d,
                           const struct ocelli_device_peak *peak)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:I, s:I, s:I, s:i, s:b, s:b, "
                     "s:b, s:b, s:o, s:o}",
                     "index", d->index, "name", d->name, "platform", d->platform, "vendor",
                     d->vendor, "type", device_type_name(d->type), "driver", d->driver, "version",
                     d->version, "default", (int)d->is_default, "compute_units", d->compute_units,
                     "memory_bytes", (json_int_t)d->memory_bytes, "max_alloc_bytes",
                     (json_int_t)d->max_alloc_bytes, "local_bytes", (json_int_t)d->local_bytes,
                     "vector_width", d->vector_width, "fp16", (int)d->fp16, "fp64", (int)d->fp64,
                     "out_of_order", (int)d->out_of_order, "command_buffer", (int)d->command_buffer,
                     "peak_gflops", json_number(peak->gflops), "peak_gbs", json_number(peak->gbs));
}

struct devices_args {
    bool measure;
};

static const struct option_spec options[] = {
    {"measure", OPT_FLAG, offsetof(struct devices_args, measure),
     .help = "measure arithmetic and memory at their best; the best ever seen is kept"},
    {0},
};

/* What the device does at best, if that is known; a device that does not open has its own trouble.
 */
static struct ocelli_device_peak peak_of(const struct ocelli_device_info *d, bool measure)
{
    struct ocelli_device_peak peak = {0};
    struct ocelli_device *dev = NULL;
    char index[16];

    snprintf(index, sizeof(index), "%d", d->index);
    if (ocelli_device_open(&dev, &(struct ocelli_device_params){.device = index}) == 0)
        (void)ocelli_device_get_peak(dev, measure, &peak);
    ocelli_device_close(&dev);
    return peak;
}

static void print_device(const struct cli *cli, const struct ocelli_device_info *d,
                         const struct ocelli_device_peak *peak)
{
    char memory[SIZE_TEXT], alloc[SIZE_TEXT], local[SIZE_TEXT];

    out("%c %d  %s\n", d->is_default ? '*' : ' ', d->index, d->name);
    if (cli->quiet)
        return;
    out("      %s, %d compute units, %s memory (%s in one piece), %s local\n",
        device_type_name(d->type), d->compute_units, size_text((double)d->memory_bytes, memory),
        size_text((double)d->max_alloc_bytes, alloc), size_text((double)d->local_bytes, local));
    out("      platform %s; %s; driver %s\n", d->platform, d->version, d->driver);
    out("      vectors of %d floats%s%s%s%s\n", d->vector_width, d->fp16 ? ", half" : "",
        d->fp64 ? ", double" : "", d->out_of_order ? ", out-of-order queues" : "",
        d->command_buffer ? ", command buffers" : "");
    if (peak->gflops > 0)
        out("      measured: %.0f GFLOP/s, %.1f GB/s read\n", peak->gflops, peak->gbs);
}

/* --device and --platform narrow the list. */
static bool wanted(const struct cli *cli, const struct ocelli_device_info *d)
{
    char index[16];

    snprintf(index, sizeof(index), "%d", d->index);
    if (cli->platform && !strcasestr(d->platform, cli->platform))
        return false;
    if (!cli->device || strcmp(cli->device, index) == 0 ||
        strcasecmp(cli->device, device_type_name(d->type)) == 0)
        return true;
    return strcasestr(d->name, cli->device) != NULL;
}

static int run(struct cli *cli, const void *args)
{
    struct ocelli_device_info *list = NULL;
    json_t *array = json_array();
    size_t n = 0, shown = 0;
    int err = ocelli_devices(&list, &n);
    const struct devices_args *a = args;
    if (err == 0 && cli->device && strcasecmp(cli->device, "null") == 0) {
        free(list);
        list = NULL;
        n = 0;
    }
    for (size_t i = 0; err == 0 && i < n; i++) {
        if (!wanted(cli, &list[i]))
            continue;
        shown++;
        const struct ocelli_device_peak peak = peak_of(&list[i], a->measure);
        if (cli->json)
            json_array_append_new(array, device_json(&list[i], &peak));
        else
            print_device(cli, &list[i], &peak);
    }
    free(list);
    if (err || shown == 0) {
        json_decref(array);
        if (err)
            return cli_failed(NULL, err);
        return cli_error("%s: no such device", cli->device     ? cli->device
                                               : cli->platform ? cli->platform
                                                               : "OpenCL");
    }
    if (cli->json)
        return out_json(json_pack("{s:o}", "devices", array));
    if (!cli->quiet)
        out("\n* is what a command takes when --device and OCELLI_DEVICE ask for nothing.\n");
    json_decref(array);
    return EXIT_DONE;
}

const struct command cmd_devices = {
    .name = "devices",
    .operands = "",
    .summary = "List every OpenCL platform and device",
    .options = options,
    .defaults = &(const struct devices_args){false},
    .args_size = sizeof(struct devices_args),
    .run = run,
};
