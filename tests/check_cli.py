#!/usr/bin/env python3
"""Tests the command: check_cli.py OCELLI [WORD...]. Prints TAP. With words, only tests whose names contain one.

What scripts may rely on (exit status, one line of error, one JSON document), every kind of bad input, and
that training survives being killed at any moment."""
import gzip
import json
import os
import pathlib
import pty
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib

from clitest import ENV, EXE, SEED, TMP, bad, doc, empty, good, main, need, ocelli, test

ROOT = pathlib.Path(__file__).resolve().parent.parent
rng = random.Random(SEED)

COMMANDS = ["devices", "train", "eval", "classify", "visualize", "run", "export", "info", "dump", "bench", "tune",
            "onnx-test", "doctor"]
FILES = {"checkpoint", "metrics.csv", "curves.svg", "model.onnx", "labels.txt", "samples"}
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def only_finished_files(folder):
    left = {p.name for p in folder.iterdir()} - FILES
    assert not left, "left behind: %s" % left


# ---- A dataset that is learnt in seconds: a bright patch whose place is the class ----


def idx(path, magic, dims, data):
    path.write_bytes(gzip.compress(struct.pack(">%dI" % (1 + len(dims)), magic, *dims) + data, 1))


def split(folder, prefix, n):
    r = random.Random(n)
    images, labels = bytearray(), bytearray()
    for i in range(n):
        c = i * 7 % 10
        image = bytearray(r.randrange(60) for _ in range(784))
        for y in range(8):
            at = (4 + c // 5 * 12 + y) * 28 + 2 + c % 5 * 5
            image[at : at + 5] = bytes(5 * [200 + r.randrange(56)])
        images += image
        labels.append(c)
    idx(folder / (prefix + "-images-idx3-ubyte.gz"), 0x803, (n, 28, 28), bytes(images))
    idx(folder / (prefix + "-labels-idx1-ubyte.gz"), 0x801, (n,), bytes(labels))


def make_data(folder, train=960, test=200):
    folder.mkdir()
    split(folder, "train", train)
    split(folder, "t10k", test)
    return folder


DATA = make_data(TMP / "data")
SOURCE = ["--data", "mnist", "--data-dir", DATA]
# Both with one batch size: other shapes are other kernels to compile.
SHORT = ["train", "lenet5", *SOURCE, "--batch", 16, "--epochs", 2]
# Many short steps, saved often: something to interrupt. 60 steps an epoch.
LONG = ["train", "lenet5", *SOURCE, "--batch", 16, "--epochs", 8, "--checkpoint-steps", 7, "--schedule", "cosine"]


def trained(name, *more, base=SHORT):
    out = TMP / name
    if not (out / "checkpoint").exists():
        good(*base, "--out", out, *more)
    return out


def checkpoint(folder):
    data = (folder / "checkpoint").read_bytes()
    assert len(data) > 4 * 61706, "checkpoint of %d bytes" % len(data)
    return data


# ---- Words on the command line ----


@test
def wrong_usage():
    bad(2)
    bad(2, "frobnicate", says="frobnicate")
    bad(2, "--json", says="--json")
    for c in COMMANDS:
        bad(2, c, "--frobnicate", says="--frobnicate")
        bad(2, c, "--frobnicate=3", says="--frobnicate:")
        bad(2, c, "-x", says="-x")
        bad(2, c, "--seed", says="--seed")
        bad(2, c, "--seed", "-1", says="--seed")
        bad(2, c, "--json=1", says="--json")
        if c not in ("onnx-test", "classify"):
            bad(2, c, "a", "b", "c")
        bad(2, c, "--device", "", says="--device")
    for c in ("train", "eval", "classify", "visualize", "info", "dump", "bench"):
        bad(2, c, says=c)
    bad(2, "classify", "lenet5", says="IMAGE")
    bad(2, "train", "lenet5", says="--data")
    bad(2, "eval", "lenet5", says="--data")
    bad(2, "visualize", "lenet5", says="--out")


@test
def bad_values():
    for option, value in (("--epochs", "0"), ("--epochs", "1e3"), ("--epochs", "99999999999999999999"),
                          ("--batch", "-1"), ("--steps", "x"), ("--lr", "nan"), ("--lr", "0"), ("--lr", "inf"),
                          ("--momentum", "1.5"), ("--schedule", "sometimes"), ("--optimizer", "best"),
                          ("--init", "zero"), ("--devices", "0"), ("--checkpoint-steps", "0"),
                          ("--memory-cap", "0"), ("--memory-cap", "5X"), ("--memory-cap", "5MB"), ("--accumulate", "0"),
                          ("--label-smoothing", "1"), ("--clip-norm", "0"), ("--warmup", "0")):
        bad(2, *SHORT, option, value, "--out", TMP / "never", says=option)
    for value in ("1", "1x2x3", "0x1x28x28", "1x1x28x28x1", "axbxcxd"):
        bad(2, "info", "lenet5", "--input", value, says="--input")
    empty(TMP / "never")


@test
def augmentation():
    d = doc(*SHORT, "--augment", "flip,crop=2,color", "--out", TMP / "varied")
    assert d["epochs"][-1]["train_loss"] < 2.3, d["epochs"]
    for words, says in (("mirror", "mirror"), ("crop=x", "crop=x"), ("flip,,crop", '""'), ("crop=4x", "crop=4x")):
        bad(2, *SHORT, "--augment", words, "--out", TMP / "never", says=says)
    bad(1, *SHORT, "--augment", "crop=28", "--out", TMP / "never", says="crop by 28")
    bad(1, *SHORT, "--augment", "color=2", "--out", TMP / "never", says="color 2")


@test
def optimizers():
    """Each one learns: the loss falls below that of guessing, ln 10."""
    for name in ("rmsprop", "adagrad", "adam"):
        d = doc(*SHORT, "--optimizer", name, "--out", TMP / name)
        assert d["epochs"][-1]["train_loss"] < 2.3, (name, d["epochs"])


def losses(name, *more, env=None):
    """Of the first steps, and what the training directory then holds."""
    file = TMP / (name + ".csv")
    good(*SHORT, "--steps", 6, "--variant", "ref", "--log-steps", file, "--out", TMP / name, *more, env=env)
    return [float(row.split(",")[1]) for row in file.read_text().split()[1:]]


@test
def parts_and_devices():
    """A batch in parts and on several devices gives what it gives in one piece, and the same again."""
    whole = losses("whole")
    two = {"POCL_DEVICES": "pthread pthread"} # PoCL then has two of them
    close = lambda got: len(got) == 6 and all(abs(a - b) < 1e-4 for a, b in zip(got, whole))
    assert close(losses("parts", "--accumulate", 2))
    if len([d for d in doc("devices", env=two)["devices"] if d["type"] == "cpu"]) > 1:
        for name in ("devices", "devices-again"):
            assert close(losses(name, "--devices", 2, "--trace", TMP / "two.json", env=two)), name
        events = json.loads((TMP / "two.json").read_text())["traceEvents"]
        assert len({e["pid"] for e in events if e["ph"] == "X"}) == 2
        assert checkpoint(TMP / "devices") == checkpoint(TMP / "devices-again")
    bad(1, *SHORT, "--accumulate", 3, "--out", TMP / "never", says="batch of 16")
    bad(1, *SHORT, "--devices", 60, "--out", TMP / "never", says="--devices 60: there are")
    empty(TMP / "never")


@test
def memory_cap():
    least = lambda *words: int(re.search(r"at least (\d+)", bad(1, *words, "--memory-cap", "1K").stderr).group(1))
    n = least(*SHORT, "--variant", "ref", "--out", TMP / "uncapped")
    losses("uncapped")
    losses("capped", "--memory-cap", n)
    assert checkpoint(TMP / "capped") == checkpoint(TMP / "uncapped")
    shape = ["info", "resnet20", "--train", "--input", "8x3x32x32"]
    n = least(*shape)
    capped = doc(*shape, "--memory-cap", n)
    assert capped["peak_bytes"] <= n and capped["memory"]["recomputed"] > 0, capped["memory"]
    assert doc(*shape)["peak_bytes"] > n


@test
def gradients_logged():
    """A row a step, a column a layer, also over an interruption; whole numbers of steps only."""
    out = TMP / "logged"
    good(*SHORT, "--log-gradients", "--variant", "ref", "--steps", 70, "--out", out, "--warmup", 5, "--label-smoothing", 0.1)
    good(*SHORT, "--log-gradients", "--variant", "ref", "--steps", 80, "--out", out, "--warmup", 5, "--label-smoothing", 0.1, "--resume")
    rows = [r.split(",") for r in (out / "gradients.csv").read_text().split()]
    assert rows[0] == ["step"] + ["%s.weight" % n for n in ("conv1", "conv2", "fc1", "fc2", "fc3")], rows[0]
    assert [int(r[0]) for r in rows[1:]] == list(range(1, 81)), len(rows)
    assert all(0 < float(x) < 100 for r in rows[1:] for x in r[1:])
    assert (out / "gradients.svg").read_text().count("<path") == 6
    bad(1, *SHORT, "--steps", 80, "--out", out, "--warmup", 6, "--label-smoothing", 0.1, "--resume", says="warmup is 5, now it is 6")


@test
def not_in_this_version():
    bad(1, "train", "resnet51", *SOURCE, says="lenet5")
    bad(1, "info", "resnet51", says="lenet5")
    bad(1, "info", "model.onnx", says="model.onnx")
    bad(1, "info", TMP / "nowhere", says="nowhere")
    empty(TMP / "never")


def options_of(command):
    return re.findall(r"^  (--[a-z-]+)", good(command, "--help"), re.M)


@test
def help_and_manual():
    man = (ROOT / "tools" / "ocelli.1").read_text().replace("\\-", "-")
    overview = good("--help")
    assert good("-h") == overview
    listed = re.findall(r"^  ([a-z-]+) ", overview, re.M)
    assert listed == COMMANDS, listed
    for c in COMMANDS:
        options = options_of(c)
        assert len(options) >= 8 and len(set(options)) == len(options), options
        assert good(c, "-h") == good(c, "--help", "whatever")
        for word in [c, *options]:
            assert word in man, "%s is not in the manual" % word
    version = subprocess.run([ROOT / "tools" / "version"], text=True, capture_output=True).stdout.strip()
    assert good("--version") == "ocelli %s\n" % version
    assert "ocelli %s" % version in man.splitlines()[0]


@test
def completion():
    script = 'source "%s"; COMP_WORDS=(%s %s); COMP_CWORD=%d; _ocelli; echo "${COMPREPLY[@]}"'
    if not shutil.which("bash"):
        return
    for words, want in ((["tr"], "train"), (["train", "--check"], "--checkpoint-steps"),
                        (["train", "lenet5", "--schedule", "cos"], "cosine"), (["info", "lenet5-"], "lenet5-1998"),
                        (["train", "lenet5", "--data", "fash"], "fashion-mnist")):
        r = subprocess.run(["bash", "-c", script % (ROOT / "tools" / "ocelli.bash", EXE, " ".join(words), len(words))],
                           capture_output=True, text=True, env=ENV, cwd=TMP)
        assert r.stdout.strip() == want, (words, r.stdout, r.stderr)


@test
def standard_output_full():
    for words in (["--version"], ["--help"], ["train", "--help"], ["info", "lenet5"], ["info", "lenet5", "--json"],
                  ["dump", "lenet5", "--device", "null"], ["devices"], ["devices", "--json"]):
        with open("/dev/full", "w") as full:
            bad(1, *words, stdout=full, says="No space left")


# ---- Devices ----


@test
def devices():
    d = doc("devices")
    assert d["devices"], "no device"
    for one in d["devices"]:
        need(one, "index", "name", "platform", "type", "driver", "default", "compute_units", "memory_bytes")
    assert sum(one["default"] for one in d["devices"]) == 1
    assert d["devices"][0]["name"] in good("devices")


@test
def no_such_device():
    for words in (["devices"], ["bench", "lenet5"], ["dump", "lenet5"], ["eval", "lenet5", *SOURCE],
                  [*SHORT, "--out", TMP / "never"]):
        bad(1, *words, "--device", "99", says="99")
        bad(1, *words, "--device", "no such thing", says="no such thing")
        bad(1, *words, "--platform", "nobody's", says="nobody's")
    bad(1, "dump", "lenet5", env={"OCELLI_DEVICE": "no such thing"}, says="no such thing")
    empty(TMP / "never")


@test
def no_driver():
    (TMP / "icd").mkdir()
    env = {"OCL_ICD_VENDORS": str(TMP / "icd")}
    for words in (["devices"], ["devices", "--json"], ["bench", "lenet5"], ["dump", "lenet5"],
                  ["eval", "lenet5", *SOURCE], [*SHORT, "--out", TMP / "never"]):
        bad(1, *words, env=env)
    r = ocelli("doctor", "--json", env=env)
    assert r.returncode == 1 and len(r.stderr.splitlines()) == 1, r.stderr
    assert any(c["status"] == "fail" for c in json.loads(r.stdout)["checks"])
    empty(TMP / "never")
    assert doc("info", "lenet5", env=env)["parameters"] == 61706
    assert good("dump", "lenet5", "--device", "null", env=env)


# ---- Describing networks ----


@test
def info():
    d = doc("info", "lenet5")
    need(d, "layers", "parameters", "macs", "peak_bytes")
    for one in d["layers"]:
        need(one, "op", "shape", "parameters", "macs", "bytes")
    assert d["parameters"] == 61706 == sum(one["parameters"] for one in d["layers"])
    # 5x5x6 on 28x28, 5x5x6x16 on 10x10, 400x120, 120x84, 84x10.
    assert d["macs"] == 117600 + 240000 + 48000 + 10080 + 840 == sum(one["macs"] for one in d["layers"])
    assert d["layers"][-1]["shape"] == [1, 10]
    assert d["peak_bytes"] > 4 * 61706
    big = doc("info", "lenet5", "--input", "64x1x28x28")
    assert big["macs"] == 64 * d["macs"] and big["peak_bytes"] > d["peak_bytes"]
    train = doc("info", "lenet5", "--input", "64x1x28x28", "--train")
    assert train["peak_bytes"] > big["peak_bytes"]
    assert "61706" in good("info", "lenet5") and "conv" in good("info", "lenet5-1998")
    half = doc("info", "lenet5", "--storage", "f16")
    assert half["storage"] == "f16" and half["peak_bytes"] < 0.55 * d["peak_bytes"] and half["macs"] == d["macs"]
    bad(1, "info", "lenet5", "--train", "--storage", "f16", says="trains")
    bad(2, "info", "lenet5", "--storage", "f8", says="--storage")
    bad(1, "info", "lenet5", "--input", "1x1x2x2")
    assert doc("info", trained("a"))["parameters"] == 61706


@test
def dump():
    text = good("dump", "lenet5", "--device", "null").splitlines()
    d = doc("dump", "lenet5", "--device", "null")
    assert [one["text"] for one in d["launches"]] == text and text
    for one in d["launches"]:
        need(one, "op", "variant", "kernel", "global", "local")
    assert any("conv2d/" in line for line in text)
    plain = good("dump", "lenet5", "--device", "null", "--no-fusion").splitlines()
    train = good("dump", "lenet5", "--device", "null", "--train").splitlines()
    assert len(text) < len(plain) and len(text) < len(train)
    ref = doc("dump", "lenet5", "--device", "null", "--variant", "ref")["launches"]
    assert {one["variant"] for one in ref} == {"ref"}
    half = good("dump", "lenet5", "--device", "null", "--storage", "f16")
    assert half.splitlines()[0].startswith("00 cast/") and ":f16 w=" in half and half.strip().endswith("logits")


@test
def bench():
    d = doc("bench", "lenet5", "--runs", 5, "--layers")
    need(d, "median_ms", "min_ms", "p90_ms", "gflops", "setup_ms", "peak_bytes", "layers")
    assert 0 < d["min_ms"] <= d["median_ms"] <= d["p90_ms"]
    assert d["layers"] and sum(one["ms"] for one in d["layers"]) > 0
    for one in d["layers"]:
        need(one, "op", "ms", "gflops", "gbs")
    assert sum(one["launches"] for one in d["kinds"]) == len(d["layers"])
    assert abs(sum(one["ms"] for one in d["kinds"]) - sum(one["ms"] for one in d["layers"])) < 1e-6
    step = ("bench", "lenet5", "--runs", 3, "--batch", 16, "--train")
    t = doc(*step)
    assert t["train"] and t["batch"] == 16 and t["median_ms"] > 0
    assert t["peak_bytes"] == t["allocated_bytes"] > 4 * 61706, t
    bad(1, *step, "--memory-cap", "1M", says="at least %d" % t["peak_bytes"])
    assert "median" in good("bench", trained("a"), "--runs", 3, "--layers")
    bad(1, "bench", "lenet5", "--device", "null", says="null")


@test
def doctor():
    d = doc("doctor")
    for one in d["checks"]:
        need(one, "name", "status", "detail")
    wrong = [one for one in d["checks"] if one["status"] == "fail"]
    assert not wrong, wrong
    names = {one["name"] for one in d["checks"]}
    assert {"loader", "device", "cache", "conv2d", "gemm", "training step"} <= names, names
    # A family that computes wrong is found: a kernel of its own folder that adds one.
    kernels = TMP / "kernels"
    kernels.mkdir()
    source = (ROOT / "cl" / "add_ref.cl").read_text()
    changed = re.sub(r"epi\(", "epi(1.0f + ", source)
    assert changed != source
    (kernels / "add_ref.cl").write_text(changed)
    r = ocelli("doctor", "--json", env={"OCELLI_KERNEL_DIR": str(kernels)})
    assert r.returncode == 1, r.returncode
    wrong = [one["name"] for one in json.loads(r.stdout)["checks"] if one["status"] == "fail"]
    assert wrong == ["scale, add"], wrong


# ---- Classifying pictures ----


def png(path, rows, channels=1):
    """rows: a list of bytes objects."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", len(rows[0]) // channels, len(rows), 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) +
                     chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows))) + chunk(b"IEND", b""))
    return path


def one_grey(c):
    """The rows of a picture of class c, as make_data() draws them."""
    rows = [bytearray(28) for _ in range(28)]
    for y in range(8):
        at = 2 + c % 5 * 5
        rows[4 + c // 5 * 12 + y][at : at + 5] = bytes(5 * [228])
    return [bytes(r) for r in rows]


def one_each(folder):
    """A picture of each class."""
    folder.mkdir(exist_ok=True)
    files = []
    for c in range(10):
        files.append(png(folder / ("%s.png" % WORDS[c]), one_grey(c)))
    return files


@test
def classify():
    net, files = trained("a"), one_each(TMP / "pictures")
    d = doc("classify", net, *files, "--top", 3)
    need(d, "model", "preprocess", "labels", "images")
    assert [one["file"] for one in d["images"]] == [str(f) for f in files]
    for c, one in enumerate(d["images"]):
        need(one, "file", "width", "height", "top", "softmax")
        p = [t["probability"] for t in one["top"]]
        assert len(p) == 3 and p == sorted(p, reverse=True) and 0 <= p[2] and sum(p) <= 1.000001, p
        assert one["top"][0]["class"] == c and one["top"][0]["label"] == WORDS[c], one
        assert one["width"] == one["height"] == 28 and one["softmax"]
    every = doc("classify", net, files[0], "--top", 99)["images"][0]["top"]
    assert len(every) == 10 and abs(sum(t["probability"] for t in every) - 1) < 1e-6
    # Its own model.onnx beside its labels.txt is the same network.
    again = doc("classify", net / "model.onnx", *files, "--top", 3)
    same = again["images"]
    assert again["preprocess"] == d["preprocess"] == "resize=28x28,crop=28x28,scale=1/255", again["preprocess"]
    assert [[t["label"] for t in one["top"]] for one in same] == [[t["label"] for t in one["top"]] for one in d["images"]]
    text = good("classify", net, *files)
    assert re.search(r"three.png \(28x28\)\n  three +\d+\.\d\d %$", text, re.M), text
    assert "scale=1/255" in text and "softmax" in text and "\033" not in text
    quiet = good("classify", net, *files, "--quiet").splitlines()
    assert [line.split("\t")[1] for line in quiet] == WORDS
    # What training left to try.
    samples = sorted((net / "samples").iterdir())
    assert len(samples) == 10
    for f, one in zip(samples, doc("classify", net, *samples)["images"]):
        assert f.name == "%s-%s.png" % (f.name.split("-")[0], one["top"][0]["label"]), (f, one)


@test
def classify_scores():
    net, files = trained("a"), one_each(TMP / "pictures")
    auto, yes = (doc("classify", net, files[3], "--softmax", w)["images"] for w in ("auto", "yes"))
    assert auto == yes and auto[0]["softmax"]
    raw = doc("classify", net, files[3], "--softmax", "no", "--top", 10)["images"][0]
    assert not raw["softmax"] and raw["top"][0]["class"] == 3 and raw["top"][9]["probability"] < 0, raw
    # A colour picture of the same light, four times as large, and one that is dark on white.
    large = [bytes(v for v in row for _ in range(6)) for row in one_grey(3) for _ in range(2)]
    top = doc("classify", net, png(TMP / "rgb.png", large, 3))["images"][0]["top"][0]
    assert top["class"] == 3 and abs(top["probability"] - auto[0]["top"][0]["probability"]) < 1e-3, top
    dark = png(TMP / "dark.png", [bytes(255 - v for v in row) for row in one_grey(3)])
    inverted = doc("classify", net, dark, "--preprocess", "unit,invert=yes")
    assert "invert=yes" in inverted["preprocess"]
    top = inverted["images"][0]["top"][0]
    assert top["class"] == 3 and abs(top["probability"] - auto[0]["top"][0]["probability"]) < 1e-4, top


@test
def classify_bad_pictures():
    net, files = trained("a"), one_each(TMP / "pictures")
    broken = {"empty.png": (b"", "empty"), "text.jpg": (b"hello, world\n", "neither a JPEG nor a PNG"),
              "cut.png": (files[1].read_bytes()[:-20], "truncated"), "is.gif": (b"GIF89a" + bytes(50), "GIF")}
    for name, (data, _) in broken.items():
        (TMP / name).write_bytes(data)
    for name, (_, why) in broken.items():
        bad(1, "classify", net, TMP / name, says=why)
        assert name in bad(1, "classify", net, TMP / name).stderr
    bad(1, "classify", net, TMP / "none.png", says="none.png")
    bad(1, "classify", net, TMP, says=str(TMP))
    words = ["classify", net, files[4], *[TMP / name for name in broken], files[5]]
    r = ocelli(*words)
    assert r.returncode == 1 and len(r.stderr.splitlines()) == len(broken), r.stderr
    assert "four.png" in r.stdout and "five.png" in r.stdout
    r = ocelli(*words, "--json")
    images = json.loads(r.stdout)["images"]
    assert r.returncode == 1 and len(images) == 2 + len(broken)
    assert [len(one["top"]) for one in images] == [5] + [0] * len(broken) + [5]
    assert "GIF" in images[4]["error"]


@test
def classify_labels():
    net, files = trained("a"), one_each(TMP / "pictures")
    names = TMP / "names.txt"
    names.write_text("".join("n%08d thing %d, with commas\r\n" % (c, c) for c in range(10)))
    d = doc("classify", net, files[7], "--labels", names)
    assert d["images"][0]["top"][0]["label"] == "thing 7, with commas" and d["labels"] == str(names)
    names.write_text("".join("%d\n" % c for c in range(9)))
    bad(1, "classify", net, files[7], "--labels", names, says="9 labels, the network 10 classes")
    bad(1, "classify", net, files[7], "--labels", TMP / "none.txt", says="none.txt")
    names.write_bytes(b"a\0b\n")
    bad(1, "classify", net, files[7], "--labels", names, says="not a text file")
    # Without any, classes have numbers.
    alone = TMP / "alone"
    alone.mkdir()
    shutil.copy(net / "model.onnx", alone)
    assert doc("classify", alone / "model.onnx", files[7])["images"][0]["top"][0]["label"] is None
    assert "class 7" in good("classify", alone / "model.onnx", files[7])


@test
def classify_refuses():
    net, files = trained("a"), one_each(TMP / "pictures")
    bad(2, "classify", net, files[0], "--preprocess", "imagenet", says="torchvision")
    bad(2, "classify", net, files[0], "--preprocess", "resize=0", says="--preprocess: resize=0")
    bad(1, "classify", net, files[0], "--preprocess", "crop=32", says="1x1x28x28")
    bad(2, "classify", net, files[0], "--top", "0", says="--top")
    bad(2, "classify", net, files[0], "--softmax", "maybe", says="--softmax")
    bad(1, "classify", TMP / "nowhere", files[0], says="nowhere")
    bad(1, "classify", net, files[0], "--device", "null", says="null")
    bad(1, "classify", net, files[0], "--device", "99", says="99")
    huge = bytearray(files[0].read_bytes())
    huge[16:24] = struct.pack(">II", 1 << 20, 1 << 20)
    huge[29:33] = struct.pack(">I", zlib.crc32(bytes(huge[12:29])))
    (TMP / "huge.png").write_bytes(bytes(huge))
    bad(1, "classify", net, TMP / "huge.png", says="above the limit")


# ---- Training ----


@test
def train_document():
    out = TMP / "document"
    d = doc(*SHORT, "--out", out)
    need(d, "parameters", "epochs", "test_accuracy")
    assert d["parameters"] == 61706 and len(d["epochs"]) == 2
    for one in d["epochs"]:
        need(one, "train_loss", "train_accuracy", "test_accuracy", "seconds")
    assert d["test_accuracy"] == d["epochs"][-1]["test_accuracy"] > 0.9, d["test_accuracy"]
    assert d["epochs"][1]["train_loss"] < d["epochs"][0]["train_loss"]
    assert {p.name for p in out.iterdir()} == FILES
    assert (out / "labels.txt").read_text().split() == WORDS
    assert len((out / "metrics.csv").read_text().splitlines()) == 3
    assert "</svg>" in (out / "curves.svg").read_text()
    e = doc("eval", out, *SOURCE)
    need(e, "accuracy", "top5", "count", "seconds")
    assert e["count"] == 200 and e["accuracy"] == d["test_accuracy"] and e["top5"] >= e["accuracy"], e
    assert doc("eval", out, *SOURCE, "--top", 1)["top1"] == e["accuracy"]
    assert doc("eval", out, *SOURCE, "--batch", 16)["accuracy"] == e["accuracy"]
    assert abs(doc("eval", out, *SOURCE, "--storage", "f16", "--quiet")["accuracy"] - e["accuracy"]) < 0.02
    assert doc("eval", "lenet5", *SOURCE)["accuracy"] < 0.5


@test
def report_for_people():
    (TMP / "cwd").mkdir()
    text = good(*SHORT, cwd=TMP / "cwd")
    assert (TMP / "cwd" / "lenet5-mnist" / "checkpoint").exists()
    assert re.search(r"^test accuracy \d+\.\d\d %", text, re.M), text
    assert "█" in text and "eval lenet5-mnist" in text, text
    assert len(re.findall(r"= right|! ", text)) == 10, text
    plain = good(*SHORT, "--out", TMP / "ascii", env={"LC_ALL": "C"})
    assert plain.isascii() and "@" in plain
    quiet = good(*SHORT, "--out", TMP / "quiet", "--quiet")
    assert re.fullmatch(r"test accuracy \d+\.\d\d %\n", quiet), quiet


@test
def lenet5_of_1998():
    d = doc("train", "lenet5-1998", *SOURCE, "--batch", 16, "--epochs", 2, "--out", TMP / "1998")
    assert d["test_accuracy"] > 0.5, d
    assert doc("eval", TMP / "1998", *SOURCE)["accuracy"] == d["test_accuracy"]


@test
def same_seed_same_bits():
    a = checkpoint(trained("a"))
    assert a == checkpoint(trained("b"))
    assert a != checkpoint(trained("c", "--seed", 2))


def on_terminal(*words, env=None):
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.chdir(TMP)
            os.execve(EXE, [str(w) for w in (EXE, *words)], {**ENV, **(env or {})})
        finally:
            os._exit(127)
    seen = b""
    try:
        while chunk := os.read(fd, 65536):
            seen += chunk
    except OSError:
        pass
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    assert os.waitstatus_to_exitcode(status) == 0, seen[-2000:]
    return seen.decode()


@test
def compiling_on_a_terminal():
    env = {"XDG_CACHE_HOME": str(TMP / "cold")}
    text = on_terminal("bench", "lenet5", "--runs", 1, env=env)
    lines = re.findall(r"compiling kernels  (\d+)/(\d+)", text)
    assert lines and all(int(a) <= int(b) for a, b in lines), text
    assert text.rindex("compiling") < text.rindex("\r\x1b[K")
    assert "compiling" not in on_terminal("bench", "lenet5", "--runs", 1, env=env)


@test
def classify_on_a_terminal():
    net, files = trained("a"), one_each(TMP / "pictures")
    text = on_terminal("classify", net, *files)
    assert re.search(r"\n  two +\d+\.\d\d %  █+\r\n", text), text
    assert all(len(line) < 80 for line in re.sub(r"\r[^\n]*\x1b\[K", "", text).split("\r\n")), text
    assert "#" in on_terminal("classify", net, files[0], env={"LC_ALL": "C"})


@test
def progress_on_a_terminal():
    text = on_terminal(*LONG, "--out", TMP / "terminal")
    bars = re.findall(r"\r([^\r\n]*)\x1b\[K", text)
    drawn = [b for b in bars if "images/s" in b]
    assert drawn and all("left" in b for b in drawn) and any("loss" in b for b in drawn), bars[:3]
    assert all(len(b) < 80 for b in bars), max(bars, key=len)
    # Taken off before anything else is printed.
    assert text.rindex("images/s") < text.rindex("\r\x1b[K")
    assert "▀" in text


@test
def trace():
    file = TMP / "trace.json"
    good("bench", "lenet5", "--runs", 3, "--trace", file)
    t = json.loads(file.read_text())
    events = t["traceEvents"] if isinstance(t, dict) else t
    assert sum(e.get("ph") == "X" for e in events) >= 3
    bad(1, "bench", "lenet5", "--trace", TMP / "nowhere" / "t.json", says="nowhere")


# ---- Datasets that are not as they should be ----


def damaged(name, file, change):
    folder = TMP / name
    shutil.copytree(DATA, folder)
    path = folder / file
    raw = gzip.decompress(path.read_bytes())
    new = change(raw)
    path.write_bytes(new if new[:2] == b"\x1f\x8b" else gzip.compress(new))
    return folder


@test
def damaged_datasets():
    images, labels = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
    cases = [
        ("cut", images, lambda r: r[:-1000]),
        ("cut-header", images, lambda r: r[:7]),
        ("cut-gzip", images, lambda r: gzip.compress(r)[:5000]),
        ("no-bytes", labels, lambda r: b""),
        ("magic", images, lambda r: b"\0\0\x0d\x03" + r[4:]),
        ("too-long", images, lambda r: r + b"1234"),
        ("count", labels, lambda r: struct.pack(">2I", 0x801, 959) + r[8:-1]),
        ("huge", images, lambda r: struct.pack(">4I", 0x803, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF) + r[16:]),
        ("label", labels, lambda r: r[:-1] + b"\x0a"),
        ("test-cut", "t10k-images-idx3-ubyte.gz", lambda r: r[:-1]),
    ]
    for name, file, change in cases:
        folder = damaged("data-" + name, file, change)
        bad(1, "train", "lenet5", "--data", "mnist", "--data-dir", folder, "--out", TMP / "never", says=str(folder))
    bad(1, "eval", "lenet5", "--data", "mnist", "--data-dir", TMP / "data-test-cut", says="t10k-images")
    empty(TMP / "never")


def put_folder(folder, bad_one=False):
    for n, c in enumerate(("dark", "light")):
        (folder / c).mkdir(parents=True)
        for i in range(20):
            png(folder / c / ("%d.png" % i), [bytes(30 * [n * 180 + i])] * 30)
    if bad_one:
        (folder / "dark" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no")
    return ["--data", "folder", "--data-dir", folder]


@test
def folders():
    words = ["--batch", 4, "--epochs", 1, "--image-size", 28, "--variant", "ref"]
    source = put_folder(TMP / "pictures")
    doc("train", "lenet5", *source, *words, "--augment", "crop", "--out", TMP / "from-folder")
    assert (TMP / "from-folder" / "labels.txt").read_text().split() == ["dark", "light"]
    assert doc("eval", TMP / "from-folder", *source)["count"] == 4
    # Pictures are prepared as for training, also behind an export: nothing is guessed.
    good("export", TMP / "from-folder", "--out", TMP / "from-folder.onnx")
    picture = next((TMP / "pictures" / "dark").iterdir())
    for net in (TMP / "from-folder", TMP / "from-folder.onnx"):
        assert doc("classify", net, picture)["preprocess"] == "resize=32,crop=28x28,scale=1/255"
        assert "guess" not in good("classify", net, picture)
    broken = put_folder(TMP / "broken", True)
    bad(1, "train", "lenet5", *broken, *words, "--held-out", 0.2, "--out", TMP / "never-2", says="dark/bad.jpg")
    r = ocelli("train", "lenet5", *broken, *words, "--skip-bad", "--out", TMP / "skipped")
    assert r.returncode == 0 and "1 images could not be read" in r.stderr, r.stderr
    bad(1, "train", "lenet5", "--data", "folder", "--out", TMP / "never", says="--data-dir")
    bad(1, "train", "lenet5", "--data", "cifar10", "--data-dir", TMP / "pictures", "--out", TMP / "never", says="data_batch_1.bin")
    empty(TMP / "never")


@test
def keeps_the_best():
    """The first epoch is the best so far; later ones replace it only where they are better, also behind a resume."""
    out = TMP / "best"
    words = ["train", "lenet5", *SOURCE, "--batch", 16, "--keep-best", "--out", out]
    doc(*words, "--epochs", 1)
    first = (out / "best.onnx").read_bytes()
    assert first == (out / "model.onnx").read_bytes()
    accuracy = [e["test_accuracy"] for e in doc(*words, "--epochs", 2, "--resume")["epochs"]]
    before = [float(row.split(",")[4]) for row in (out / "metrics.csv").read_text().split()[1:]][0]
    assert first != (out / "model.onnx").read_bytes()
    kept = (out / "best.onnx").read_bytes()
    assert kept == (first if accuracy[-1] <= before else (out / "model.onnx").read_bytes()), (before, accuracy)


@test
def missing_datasets():
    bad(1, "train", "lenet5", "--data", "mnist", "--data-dir", TMP / "nowhere", "--out", TMP / "never", says="nowhere")
    bad(1, "train", "lenet5", "--data", "fashion-mnist", "--data-dir", "/proc", "--out", TMP / "never", says="/proc")
    bad(1, "train", "lenet5", "--data", "cats", "--out", TMP / "never", says="fashion-mnist")
    bad(1, "eval", "lenet5", "--data", "cats", says="cats")
    empty(TMP / "never")


# ---- Places that cannot be written ----


@test
def output_that_cannot_be_written():
    (TMP / "file").write_text("a file")
    bad(1, *SHORT, "--out", TMP / "file", says="file")
    bad(1, *SHORT, "--out", TMP / "file" / "sub", says="file")
    bad(1, *SHORT, "--out", "/proc/ocelli", says="/proc/ocelli")
    assert (TMP / "file").read_text() == "a file"
    if os.geteuid() != 0:
        (TMP / "locked").mkdir(mode=0o555)
        bad(1, *SHORT, "--out", TMP / "locked", says="locked")


class Disk:
    """A folder that holds no more than `size` bytes: a small file system where one can be mounted, else a
    limit on the size of each file."""

    def __init__(self, name, size):
        self.path, self.size, self.options = TMP / name, size, {}
        self.path.mkdir()

    def __enter__(self):
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % self.size, "tmpfs", self.path],
                           capture_output=True) if os.geteuid() == 0 and shutil.which("mount") else None
        self.mounted = r is not None and r.returncode == 0
        if not self.mounted:
            limit = min(self.size, 100 << 10)
            self.options = {"restore_signals": False,
                            "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))}
        print("# full disk: " + ("a tmpfs" if self.mounted else "RLIMIT_FSIZE"))
        return self

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", self.path], check=True)


@test
def disk_full_at_once():
    trained("a")  # compiled kernels are in the cache: they are not what cannot be written
    with Disk("tiny", 200 << 10) as disk:
        bad(1, *SHORT, "--out", disk.path / "out", **disk.options)
        empty(disk.path / "out")


@test
def disk_full_later():
    size = len(checkpoint(trained("a")))
    with Disk("small", size * 3 // 2) as disk:
        out = disk.path / "out"
        if disk.mounted:
            # Room for one checkpoint, not for a second one beside it.
            bad(1, *SHORT, "--out", out, "--checkpoint-steps", 10)
        else:
            shutil.copytree(TMP / "a", out)
            bad(1, *SHORT, "--out", out, "--resume", "--epochs", 3, **disk.options)
        only_finished_files(out)
        # What was saved before is whole.
        assert doc("eval", out, *SOURCE)["count"] == 200


@test
def damaged_checkpoint():
    out = TMP / "damaged"
    shutil.copytree(trained("a"), out)
    whole = checkpoint(out)
    for change in (whole[:-100], whole[: len(whole) // 2] + b"\xff\x00\xff" + whole[len(whole) // 2 + 3 :], b"",
                   b"\xff" * 64, whole + b"x"):
        (out / "checkpoint").write_bytes(change)
        bad(1, *SHORT, "--out", out, "--resume", says="checkpoint")
        bad(1, "eval", out, *SOURCE, says="checkpoint")
        assert (out / "checkpoint").read_bytes() == change, "a damaged checkpoint was replaced"
    # One of another run.
    (out / "checkpoint").write_bytes(whole)
    bad(1, "train", "lenet5-1998", *SOURCE, "--batch", 16, "--epochs", 2, "--out", out, "--resume", says="checkpoint")
    assert checkpoint(out) == whole


# ---- Interruption ----


def start(out, *more):
    words = (EXE, *LONG, "--out", out, "--log-steps", "%s.csv" % out, *more)
    return subprocess.Popen([str(w) for w in words], env=ENV, cwd=TMP, text=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def uninterrupted():
    trained("compiled", base=SHORT)  # not to be part of the time
    t = time.monotonic()
    out = trained("uninterrupted", base=LONG)
    if not hasattr(uninterrupted, "seconds"):
        uninterrupted.seconds = time.monotonic() - t
    return checkpoint(out)


@test
def killed_and_resumed():
    want = uninterrupted()
    kills = 0
    for case in range(3):
        out = TMP / ("killed%d" % case)
        for attempt in range(200):
            # The first ones at any moment; then it may run to its end.
            p = start(out, "--resume")
            try:
                p.wait(rng.uniform(0.05, 1.0) * uninterrupted.seconds if attempt < 4 else 300)
            except subprocess.TimeoutExpired:
                p.kill()
                kills += 1
            stderr = p.communicate()[1]
            if p.returncode == 0:
                break
            assert p.returncode == -signal.SIGKILL, "status %d: %s" % (p.returncode, stderr)
        assert checkpoint(out) == want, "case %d: another checkpoint than without interruption" % case
        only_finished_files(out)
        assert (out / "metrics.csv").read_text().count("\n") == 9
        assert [row.split(",")[0] for row in pathlib.Path("%s.csv" % out).read_text().splitlines()] == \
            ["step", *(str(i + 1) for i in range(480))], case
    print("# killed %d times" % kills)
    assert kills > 0


def wait_for(path, seconds=120):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, "%s does not appear" % path
        time.sleep(0.005)


@test
def interrupted_and_resumed():
    want = uninterrupted()
    for number in (signal.SIGINT, signal.SIGTERM):
        out = TMP / ("interrupted%d" % number)
        p = start(out)
        wait_for(out / "checkpoint")
        p.send_signal(number)
        stderr = p.communicate(timeout=120)[1]
        assert p.returncode == 130, "status %d: %s" % (p.returncode, stderr)
        assert "--resume" in stderr and str(out) in stderr, stderr
        assert checkpoint(out) != want
        only_finished_files(out)
        # The line that was printed is the one to type.
        hint = stderr.splitlines()[-1].split("go on with: ", 1)[1]
        subprocess.run(hint, shell=True, check=True, env=ENV, cwd=TMP, stdout=subprocess.DEVNULL)
        assert checkpoint(out) == want


@test
def resume_after_the_end():
    out = TMP / "again"
    shutil.copytree(trained("a"), out)
    before = checkpoint(out)
    d = doc(*SHORT, "--out", out, "--resume")
    assert d["resumed"] and checkpoint(out) == before
    assert d["test_accuracy"] == doc("eval", out, *SOURCE)["accuracy"]


# ---- Pictures of what was learnt ----


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", data[16:24])


@test
def visualize():
    model, out = trained("a"), TMP / "seen"
    image = sorted((model / "samples").iterdir())[0]
    d = doc("visualize", model, "--image", image, "--layer", "conv2", "--top", 4, *SOURCE, "--out", out)
    names = ["filters.png", "input.png", "maps.png", "deconvnet.png", "patches.png", "confusion.svg", "curves.svg"]
    assert d["files"] == names, d
    assert {p.name for p in out.iterdir()} == {*names, "index.html"}
    page = (out / "index.html").read_text()
    assert re.findall(r'src="([^"]*)"', page) == names and "http" not in page
    for name in names[:5]:
        assert min(png_size(out / name)) >= 28, name
    # 16 maps in four rows, four projections in two.
    assert png_size(out / "maps.png")[0] == png_size(out / "maps.png")[1]
    assert png_size(out / "deconvnet.png")[0] == png_size(out / "deconvnet.png")[1]
    counts = re.findall(r'fill="(#[0-9a-f]+)" fill-opacity="[0-9.]*"/><text [^>]*>(\d+)<', (out / "confusion.svg").read_text())
    assert sum(int(n) for _, n in counts) == 200
    right = sum(int(n) for colour, n in counts if colour == "#1d4ed8")
    assert abs(right / 200 - doc("eval", model, *SOURCE)["accuracy"]) < 1e-6, right


@test
def visualize_files_and_failures():
    model, out = trained("a"), TMP / "seen2"
    assert doc("visualize", model / "model.onnx", "--input", "1x1x28x28", "--out", out)["files"] == ["filters.png"]
    bad(1, "visualize", model, "--out", TMP / "no" / "where", says="no/where")
    bad(1, "visualize", model, "--image", "/nowhere.png", "--out", out, says="/nowhere.png")
    image = sorted((model / "samples").iterdir())[0]
    bad(1, "visualize", model, "--image", image, "--layer", "conv9", "--out", out, says="conv1, conv2")
    bad(2, "visualize", model, "--image", image, "--preprocess", "upside=down", "--out", out, says="--preprocess")
    bad(2, "visualize", model, "--top", 0, "--out", out, says="--top")


if __name__ == "__main__":
    sys.exit(main())
