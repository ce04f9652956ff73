#!/usr/bin/env python3
"""Writes the generated sources: embed.py programs OUT.c FILE.cl... | embed.py ops OUT.c NAME...
| embed.py oracles OUT.c NAME... | embed.py shipped OUT.c FILE.jsonl"""
import pathlib
import sys


def c_string(text):
    lines = text.split("\n")
    return "\n".join('    "%s\\n"' % l.replace("\\", "\\\\").replace('"', '\\"') for l in lines[:-1])


def programs(out, files):
    parts = ['#include "device/cl.h"\n\nconst struct kernel_source kernel_sources[] = {']
    for f in sorted(map(pathlib.Path, files)):
        text = f.read_text()
        # The driver's messages then name the file and line that a developer can open.
        text = '#line 1 "%s"\n' % f.name + text
        parts.append('    {"%s",\n%s},' % (f.stem, c_string(text)))
    parts.append("    {0},\n};\n")
    out.write_text("\n".join(parts))


def ops(out, names):
    parts = ['#include "ops/op.h"\n']
    parts += ["extern const struct op op_%s;" % n for n in names]
    parts.append("\nconst struct op *const ops[] = {")
    parts += ["    &op_%s," % n for n in names]
    parts.append("    NULL,\n};\n")
    out.write_text("\n".join(parts))


def shipped(out, files):
    text = pathlib.Path(files[0]).read_text()
    # An array: compilers need not take strings of any length.
    data = ",".join(str(b) for b in text.encode() + b"\0")
    out.write_text('#include "tune/book.h"\n\nconst char tune_shipped[] = {%s};\n' % data)


def oracles(out, names):
    parts = ['#include "checkcl_table.h"\n']
    parts += ["extern const struct oracle oracle_%s;" % n for n in names]
    parts.append("\nconst struct oracle_entry oracle_table[] = {")
    parts += ['    {"%s", &oracle_%s},' % (n, n) for n in names]
    parts.append("    {0},\n};\n")
    out.write_text("\n".join(parts))


if __name__ == "__main__":
    {"programs": programs, "ops": ops, "oracles": oracles, "shipped": shipped}[sys.argv[1]](pathlib.Path(sys.argv[2]), sys.argv[3:])
