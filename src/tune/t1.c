#include "tune/t1.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* "[1, 2, 4]", or such an array. */
static json_t *values_of(const json_t *v)
{
    if (json_is_array(v))
        return json_incref((json_t *)v);
    return json_string_value(v) ? json_loads(json_string_value(v), 0, NULL) : NULL;
}

static int parameters(const json_t *space, json_t *out)
{
    const json_t *list = json_object_get(space, "TuningParameters");
    json_t *all = json_object();
    json_object_set_new(out, "parameters", all);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        json_t *values = values_of(json_object_get(p, "Values"));
        if (!json_is_array(values)) {
            json_decref(values);
            return fail(OCELLI_ERR_FORMAT, "T1: parameter %s: its values are no list of numbers",
                        text_of(p, "Name"));
        }
        json_object_set_new(all, text_of(p, "Name"), values);
    }
    json_t *must = json_array();
    json_object_set_new(out, "constraints", must);
    list = json_object_get(space, "Conditions");
    for (size_t i = 0; i < json_array_size(list); i++)
        json_array_append_new(must, json_string(text_of(json_array_get(list, i), "Expression")));
    return 0;
}

/* "X", "Y", "Z" as far as they are given. */
static void sizes(const json_t *from, const char *key, json_t *out, const char *name)
{
    static const char *const axis[] = {"X", "Y", "Z"};
    const json_t *o = json_object_get(from, key);
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT(axis); i++) {
        json_t *v = json_object_get(o, axis[i]);
        if (v)
            json_array_append(list, v);
    }
    if (json_array_size(list))
        json_object_set(out, name, list);
    json_decref(list);
}

static int argument(const json_t *a, json_t *list)
{
    const bool vector = strcmp(text_of(a, "MemoryType"), "Vector") == 0;
    const char *access = text_of(a, "AccessType"), *type = text_of(a, "Type");
    const char *role = strcmp(access, "WriteOnly") == 0   ? "out"
                       : strcmp(access, "ReadWrite") == 0 ? "inout"
                                                          : "in";
    json_t *x = json_pack("{s:s, s:s}", "name", text_of(a, "Name"), "type",
                          strcmp(type, "int32") == 0 ? "int" : type);
    if (vector) {
        json_object_set_new(x, "role", json_string(role));
        json_object_set(x, "count", json_object_get(a, "Size"));
    } else {
        json_object_set(x, "value", json_object_get(a, "FillValue"));
    }
    return json_array_append_new(list, x) == 0 ? 0 : fail_memory();
}

int t1_convert(const json_t *t1, json_t **out)
{
    const json_t *k = json_object_get(t1, "KernelSpecification");
    const json_t *args = json_object_get(k, "Arguments");
    json_t *list = json_array();
    int err = 0;
    *out = json_pack("{s:s, s:s, s:o}", "kernel", text_of(k, "KernelName"), "source",
                     text_of(k, "KernelFile"), "arguments", list);
    if (!*out)
        return fail_memory();
    if (strcmp(text_of(k, "Language"), "OpenCL") != 0)
        TRY(fail(OCELLI_ERR_FORMAT, "T1: the kernel's language is \"%s\", not OpenCL",
                 text_of(k, "Language")));
    TRY(parameters(json_object_get(t1, "ConfigurationSpace"), *out));
    sizes(k, "GlobalSize", *out, "global");
    sizes(k, "LocalSize", *out, "local");
    for (size_t i = 0; i < json_array_size(args); i++)
        TRY(argument(json_array_get(args, i), list));
out:
    if (err) {
        json_decref(*out);
        *out = NULL;
    }
    return err;
}
