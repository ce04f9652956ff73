#!/usr/bin/env python3
"""The ONNX project's own test cases (Debian: libonnx-testdata) against the list of what is expected of them.

    check_onnx_cases.py OCELLI CASES.txt DATA PART PARTS

CASES.txt has a head line and then, with tabs between, suite, case, expected status, and a reason where that is not
"passed". What fails without being expected to fails here, and so does what passes without being expected to. PART of
PARTS, counted from 1: that part of the list."""
import json
import pathlib
import subprocess
import sys
import tempfile


def read_cases(path):
    """(head line, rows); every row that is not to pass says why."""
    head, *lines = path.read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    for r in rows:
        assert len(r) == (3 if r[2] == "passed" else 4) and all(r), "%s: %r" % (path, r)
        assert r[2] in ("passed", "unsupported"), "%s: %r" % (path, r)
    names = [r[1] for r in rows]
    assert len(set(names)) == len(names), "%s: a case is listed twice" % path
    return head, rows


def run(ocelli, data, head, rows):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write("\n".join([head] + ["\t".join(r) for r in rows]) + "\n")
        f.flush()
        r = subprocess.run([ocelli, "onnx-test", data, "--list", f.name, "--json"], capture_output=True,
                           text=True)
    try:
        return {c["name"]: c for c in json.loads(r.stdout)["cases"]}
    except ValueError:
        print("Bail out! onnx-test: status %d, %s" % (r.returncode, r.stderr.strip()[-400:]))
        sys.exit(1)


def main():
    ocelli, cases, data, part, parts = sys.argv[1:]
    if not pathlib.Path(data).is_dir():
        print("1..0 # SKIP there is no %s: install libonnx-testdata" % data)
        return 0
    head, rows = read_cases(pathlib.Path(cases))
    first, end = ((len(rows) * k) // int(parts) for k in (int(part) - 1, int(part)))
    rows = rows[first:end]
    results = run(ocelli, data, head, rows)
    failed = 0
    for i, (suite, name, expected, *_) in enumerate(rows):
        c = results.get(name, {"status": "not run", "reason": ""})
        good = c["status"] == expected
        failed += not good
        print("%s %d - %s/%s" % ("ok" if good else "not ok", i + 1, suite, name))
        if not good:
            print("# expected %s, is %s: %s" % (expected, c["status"], c["reason"]))
    print("1..%d" % len(rows))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
