#!/usr/bin/env python3
"""Tests the command on ONNX files: check_cli_onnx.py OCELLI [WORD...]. Prints TAP.

run, export, info and onnx-test: exit status, JSON, and errors that name file, node and attribute. The models are
written here, byte by byte."""
import json
import pathlib
import struct
import sys

from clitest import TMP, bad, doc, empty, good, main, need, ocelli, test

FLOAT = 1

# ---- Protobuf, as much as an ONNX model takes ----


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def field(number, value):
    """A field: whole number, or bytes, text or message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(dims, values, name=""):
    return (b"".join(field(1, d) for d in dims) + field(2, FLOAT) + field(8, name) +
            field(9, struct.pack("<%df" % len(values), *values)))


def value_info(name, dims):
    """Of floats; an extent that is a word is symbolic."""
    shape = b"".join(field(1, field(2 if isinstance(d, str) else 1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, shape)))


def node(op, inputs, outputs, name="", ints=()):
    attributes = b"".join(field(5, field(1, k) + field(3, v) + field(20, 2)) for k, v in ints)
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) +
            field(3, name) + field(4, op) + attributes)


def model(nodes, inputs, outputs, weights=(), opset=13):
    graph = (b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, w) for w in weights) +
             b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs))
    return field(1, 8) + field(7, graph) + field(8, field(2, opset))


def put(name, data):
    path = TMP / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# y = max(x w, 0), w 3x2
DENSE = model([node("MatMul", ["x", "w"], ["p"], "dense"), node("Relu", ["p"], ["y"], "act")],
              [value_info("x", ["N", 3])], [value_info("y", ["N", 2])],
              [tensor([3, 2], [1, -1, 2, -2, 3, -3], "w")])
X = [1, 0, 0, 1, 1, 1]
Y = [1, 0, 6, 0]


# ---- NumPy's files ----


def npy(shape, values, kind="<f4"):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (kind, "".join("%d, " % d for d in shape))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    code = {"<f4": "f", "<f8": "d", "<i8": "q"}[kind]
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() +
            struct.pack("<%d%s" % (len(values), code), *values))


def floats_of(path):
    data = pathlib.Path(path).read_bytes()
    head = 10 + struct.unpack("<H", data[8:10])[0]
    assert b"'<f4'" in data[:head], data[:head]
    return list(struct.unpack("<%df" % ((len(data) - head) // 4), data[head:]))


# ---- run ----


@test
def run_computes():
    dense, x = put("dense.onnx", DENSE), put("x.npy", npy([2, 3], X))
    d = doc("run", dense, "--input", "x=%s" % x, "--output", TMP / "out", "--batch", 2)
    need(d, "outputs")
    o = d["outputs"][0]
    need(o, "name", "shape", "min", "max", "mean")
    assert (o["name"], o["shape"], o["min"], o["max"], o["mean"]) == ("y", [2, 2], 0, 6, 1.75), o
    assert floats_of(TMP / "out" / "y.npy") == Y
    # The only input needs no name; without --output there is a summary and no file.
    text = good("run", dense, "--input", x, "--batch", 2)
    assert "y" in text and "2x2" in text and "max 6" in text, text
    # The other forms of the same.
    put("x.pb", tensor([2, 3], X, "x"))
    for words in (["--input", "x=%s" % (TMP / "x.pb")], ["--input", x, "--no-fusion"],
                  ["--input", x, "--variant", "ref"]):
        good("run", dense, *words, "--batch", 2, "--output", TMP / "other", "--quiet")
        assert floats_of(TMP / "other" / "y.npy") == Y
        (TMP / "other" / "y.npy").unlink()


@test
def run_says_what_is_wrong():
    dense, x = put("dense.onnx", DENSE), put("x.npy", npy([1, 3], X[:3]))
    bad(2, "run", says="run")
    bad(2, "run", dense, "--input", "x=", says="--input x=")
    bad(1, "run", dense, says="x: not given")
    bad(1, "run", dense, "--input", "x=%s" % (TMP / "absent.npy"), says="absent.npy")
    bad(1, "run", dense, "--input", "x=%s" % x, "--input", "z=%s" % x, says="--input z")
    bad(1, "run", dense, "--input", put("wide.npy", npy([1, 4], X[:4])), says="dense")
    bad(1, "run", dense, "--input", put("f64.npy", npy([1, 3], X[:3], "<f8")), says="f64")
    bad(1, "run", dense, "--input", put("cut.npy", npy([1, 3], X[:3])[:-1]), says="cut.npy")
    bad(1, "run", dense, "--input", put("no.npy", b"no array at all"), says="no.npy")
    put("file", b"")
    bad(1, "run", dense, "--input", x, "--output", TMP / "file" / "dir", says="--output")
    bad(1, "run", dense, "--input", x, "--output", TMP / "o", "--device", "null", says="null")


# ---- Models that cannot be read: every command names file, node and attribute ----


@test
def errors_name_the_place():
    io = [value_info("x", [1, 3])], [value_info("y", [1, 3])]
    models = {
        "unknown": (model([node("Relu", ["x"], ["a"]), node("Frobnicate", ["a"], ["y"], "odd")], *io),
                    ["unknown.onnx", 'node 1 "odd" (Frobnicate, opset 13)', "unknown operator"]),
        "attribute": (model([node("Relu", ["x"], ["y"], "act", [("fancy", 1)])], *io),
                      ["attribute.onnx", 'node 0 "act" (Relu', "attribute fancy"]),
        "input": (model([node("Relu", ["z"], ["y"], "act")], *io), ["input.onnx", 'input "z"', '"act"']),
        "opset": (model([node("Relu", ["x"], ["y"])], *io, opset=99), ["opset.onnx", "opset 99"]),
        "size": (model([node("Relu", ["x"], ["y"])], [value_info("x", [1, "W"])], io[1]),
                 ["size.onnx", 'input "x"', '"W"']),
        "cut": (DENSE[:-9], ["cut.onnx"]),
        "text": (b"hello, world\n", ["text.onnx"]),
        "none": (b"", ["none.onnx"]),
    }
    for name, (data, words) in models.items():
        path = put(name + ".onnx", data)
        for command in (["info", path], ["dump", path], ["run", path], ["export", path, "--out", TMP / "never"]):
            r = bad(1, *command)
            for w in words:
                assert w in r.stderr, "%s: %r lacks %r" % (command, r.stderr, w)
    bad(1, "info", TMP / "absent.onnx", says="absent.onnx")
    assert not (TMP / "never").exists()


# ---- export ----


@test
def export_and_back():
    d = doc("export", "lenet5", "--out", TMP / "lenet5.onnx", "--seed", 3)
    need(d, "file", "parameters")
    assert d["parameters"] == 61706 and d["file"] == str(TMP / "lenet5.onnx"), d
    data = (TMP / "lenet5.onnx").read_bytes()
    assert len(data) > 4 * 61706
    good("export", "lenet5", "--out", TMP / "again.onnx", "--seed", 3)
    assert (TMP / "again.onnx").read_bytes() == data, "the same seed gave another file"
    good("export", "lenet5", "--out", TMP / "again.onnx", "--seed", 4)
    assert (TMP / "again.onnx").read_bytes() != data
    assert doc("info", TMP / "lenet5.onnx")["parameters"] == 61706
    # A file that is written anew says the same, and computes the same.
    good("export", TMP / "lenet5.onnx", "--out", TMP / "twice.onnx")
    image = put("image.npy", npy([1, 1, 28, 28], [i % 17 / 16 for i in range(784)]))
    for name in ("lenet5", "twice"):
        good("run", TMP / (name + ".onnx"), "--input", "image=%s" % image, "--output", TMP / name, "--quiet")
    logits = floats_of(TMP / "lenet5" / "logits.npy")
    assert len(set(logits)) == 10 and logits == floats_of(TMP / "twice" / "logits.npy")
    # The batch is open, or as was asked.
    for path, batch in ((TMP / "lenet5.onnx", 5), (TMP / "fixed.onnx", 2)):
        if batch == 2:
            good("export", "lenet5", "--out", path, "--batch", 2)
        batch_of = put("batch.npy", npy([batch, 1, 28, 28], [0] * (784 * batch)))
        d = doc("run", path, "--batch", batch, "--input", "image=%s" % batch_of)
        assert d["outputs"][0]["shape"] == [batch, 10], d


@test
def export_says_what_is_wrong():
    out = TMP / "exports"
    out.mkdir()
    bad(2, "export", "lenet5", says="--out")
    bad(2, "export", "--out", out / "a.onnx", says="export")
    bad(1, "export", "lenet5", "--out", out / "absent" / "a.onnx", says="a.onnx")
    bad(1, "export", "lenet5", "--out", "/dev/full/a.onnx", says="a.onnx")
    bad(1, "export", TMP / "absent.onnx", "--out", out / "a.onnx", says="absent.onnx")
    bad(1, "export", "resnet1000", "--out", out / "a.onnx", says="resnet1000")
    (out / "a.onnx").mkdir()
    bad(1, "export", "lenet5", "--out", out / "a.onnx", says="a.onnx")
    (out / "a.onnx").rmdir()
    empty(out)


# ---- onnx-test ----


def case(folder, name, data, want, sets=1):
    put("%s/%s/model.onnx" % (folder, name), data)
    for i in range(sets):
        at = "%s/%s/test_data_set_%d/" % (folder, name, i)
        put(at + "input_0.pb", tensor([2, 3], X, "x"))
        put(at + "output_0.pb", tensor([2, 2], want[i] if sets > 1 else want, "y"))


def cases(folder):
    case(folder, "test_right", DENSE, Y)
    case(folder, "test_nearly", DENSE, [1, 0, 6.003, 0])
    case(folder, "test_second_set", DENSE, [Y, [1, 0, 7, 0]], sets=2)
    case(folder, "deeper/test_odd", model([node("Frobnicate", ["x"], ["y"])], [value_info("x", [2, 3])],
                                          [value_info("y", [2, 2])]), Y)
    return TMP / folder


@test
def onnx_test_counts():
    folder = cases("cases")
    r = ocelli("onnx-test", folder)
    assert r.returncode == 1 and r.stdout.splitlines()[-1] == "2 passed, 1 failed, 1 unsupported", r.stdout
    assert "1 of 4 cases failed" in r.stderr and "test_second_set" in r.stdout, r.stdout + r.stderr
    assert "Frobnicate" in r.stdout and "test_nearly" not in r.stdout, r.stdout
    r = ocelli("onnx-test", folder, "--rtol", "1e-4", "--json")
    d = json.loads(r.stdout)
    need(d, "passed", "failed", "unsupported", "cases")
    assert (r.returncode, d["passed"], d["failed"], d["unsupported"]) == (1, 1, 2, 1), d
    by_name = {c["name"]: c for c in d["cases"]}
    for c in d["cases"]:
        need(c, "name", "status", "reason", "max_abs", "max_rel")
    assert by_name["test_right"]["status"] == "passed" and by_name["test_right"]["max_abs"] == 0, by_name
    assert abs(by_name["test_nearly"]["max_abs"] - 0.003) < 1e-6, by_name
    assert "6" in by_name["test_nearly"]["reason"] and "y" in by_name["test_nearly"]["reason"], by_name
    # What is not supported is no failure.
    good("onnx-test", folder / "test_right", folder / "deeper")


@test
def onnx_test_list():
    folder = cases("listed")
    names = put("list.txt", b"suite\tcase\nnode\ttest_right\n\nnode\ttest_odd\n")
    d = doc("onnx-test", folder, "--list", names)
    assert [c["name"] for c in d["cases"]] == ["test_odd", "test_right"], d
    bad(1, "onnx-test", folder, "--list", TMP / "absent.txt", says="absent.txt")
    bad(1, "onnx-test", folder, "--list", put("l1.txt", b"suite\tcase\nnode\ttest_absent\n"), says="test_absent")
    bad(1, "onnx-test", folder, "--list", put("l2.txt", b"suite\tcase\n"), says="names no case")
    bad(1, "onnx-test", folder, "--list", put("l3.txt", b"suite\tcase\nnode\n"), says="line 2")
    bad(1, "onnx-test", TMP / "absent", says="absent")
    (TMP / "hollow").mkdir()
    bad(1, "onnx-test", TMP / "hollow", says="no folder with a model.onnx")
    bad(2, "onnx-test", says="onnx-test")


@test
def onnx_test_damaged():
    folder = cases("damaged")
    (folder / "test_right/test_data_set_0/output_0.pb").write_bytes(b"\xff\xff")
    (folder / "test_nearly/test_data_set_0/input_0.pb").unlink()
    (folder / "test_second_set/model.onnx").write_bytes(DENSE[:40])
    r = ocelli("onnx-test", folder)
    assert r.returncode == 1 and "0 passed, 3 failed, 1 unsupported" in r.stdout, r.stdout + r.stderr
    for word in ("output_0.pb", "no data for this input", "model.onnx"):
        assert word in r.stdout, r.stdout


if __name__ == "__main__":
    sys.exit(main())
