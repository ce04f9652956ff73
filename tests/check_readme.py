#!/usr/bin/env python3
"""The README's tables say what is so: check_readme.py [--write] OPTABLE. Prints TAP; with --write it puts the tables
right instead.

The table of operations comes from the dictionary (OPTABLE prints it) and from the types that the problems of each
operation are tried with; the table of ONNX cases from tests/onnx/cases.txt."""
import pathlib
import re
import subprocess
import sys
import textwrap

TOP = pathlib.Path(__file__).resolve().parent.parent
README = TOP / "README.md"
# Of problem strings: "x=3x4:u8", the type behind the first input's shape.
FIRST_INPUT = re.compile(r"^\w+ \w+=(?:scalar|[0-9x]+)(?::(\w+))?(?: |$)")
TYPES = ["f32", "f64", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool"]


def types(op):
    """What input 0 is among the legal problems of an operation."""
    found = set()
    path = TOP / "tests" / "problems" / (op + ".txt")
    for line in path.read_text().splitlines():
        m = FIRST_INPUT.match(line)
        if m:
            found.add(m.group(1) or "f32")
    return ", ".join(t for t in TYPES if t in found)


def dictionary(optable):
    """(rows of the operations, the operators of ONNX that are read)"""
    out = subprocess.run([optable], check=True, capture_output=True, text=True).stdout
    ours, theirs = out.split("\n\n")
    return [line.split("\t") for line in ours.splitlines()], sorted(set(theirs.split()))


def operations(rows):
    """Steps backward, which nobody asks for by name, are left out."""
    names = {r[0] for r in rows}
    lines = ["| operation | variants | types | gradient | operators of ONNX |", "|---|---|---|---|---|"]
    for name, variants, gradient, onnx in rows:
        backward = name.partition("_bwd")[0] in names - {name}
        if onnx or not backward:
            lines.append("| `%s` | %s | %s | %s | %s |" % (name, variants or "(no launch)", types(name),
                                                         gradient, onnx))
    return lines


def operators(read):
    return textwrap.wrap(", ".join(read) + ".", 120)


def cases():
    lines = ["| case | why it is not supported |", "|---|---|"]
    for line in (TOP / "tests" / "onnx" / "cases.txt").read_text().splitlines()[1:]:
        _, name, expected, *why = line.split("\t")
        if expected != "passed":
            lines.append("| `%s` | %s |" % (name, why[0]))
    return lines


def put(text, name, lines):
    """The text with what lies between the two marks replaced."""
    begin, end = "<!-- %s: begin -->\n" % name, "<!-- %s: end -->" % name
    assert text.count(begin) == 1 and text.count(end) == 1, "README.md: the marks of %s" % name
    head, rest = text.split(begin)
    return head + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]


def main():
    rows, read = dictionary(sys.argv[-1])
    tables = [("operations", operations(rows)), ("operators", operators(read)), ("cases", cases())]
    text = README.read_text()
    if "--write" in sys.argv:
        for name, lines in tables:
            text = put(text, name, lines)
        README.write_text(text)
        return 0
    failed = 0
    for i, (name, lines) in enumerate(tables):
        good = len(lines) > 2 and put(text, name, lines) == text
        failed += not good
        print("%s %d - README.md: the table of %s" % ("ok" if good else "not ok", i + 1, name))
        if not good:
            print("# it is not what the sources say: tests/check_readme.py --write BUILD/tests/optable")
    unread = {word for r in rows for word in r[3].split(", ") if word} - set(read)
    print("%s %d - what operations do in ONNX can be read" % ("not ok" if unread else "ok", len(tables) + 1))
    if unread:
        failed += 1
        print("# not read: %s" % ", ".join(sorted(unread)))
    print("1..%d" % (len(tables) + 1))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
