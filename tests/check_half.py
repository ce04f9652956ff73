#!/usr/bin/python3
"""Trained models with weights and feature maps in half precision, against the same in float: errors, classes, memory.
Not part of the test suite: the files are not the project's. Needs numpy and onnx (Debian: python3-numpy,
python3-onnx). Without DATA, or without what it should hold, the exit status is 77.

usage: check_half.py OCELLI DATA
  DATA/models/*/model.onnx, DATA/onnx_extra/*/model.onnx   with test_data_set_N beside them
  DATA/mnist, DATA/cifar10, DATA/photos                    images
"""
import gzip
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper

ERROR = 0.005  # of the largest score: half rounds to 2^-11, in each of up to 60 layers
IMAGES = 200
failed = 0
scratch = tempfile.TemporaryDirectory()


def report(ok, what, detail):
    global failed
    failed += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what}: {detail}", flush=True)


def command(*args):
    r = subprocess.run([ocelli, *args, "--json"], capture_output=True, text=True)
    if r.returncode != 0:
        raise RuntimeError(r.stderr.strip())
    return json.loads(r.stdout)


def tensor(path):
    with open(path, "rb") as f:
        t = onnx.TensorProto()
        t.ParseFromString(f.read())
        return numpy_helper.to_array(t)


def input_name(model):
    m = onnx.load(model)
    weights = {t.name for t in m.graph.initializer}
    return next(i.name for i in m.graph.input if i.name not in weights)


def scores(model, x, storage):
    npy = os.path.join(scratch.name, "x.npy")
    np.save(npy, np.ascontiguousarray(x, dtype=np.float32))
    d = command("run", model, "--input", f"{input_name(model)}={npy}", "--batch", str(len(x)), "--output",
                os.path.join(scratch.name, storage), "--storage", storage)
    y = np.load(d["outputs"][0]["file"])
    return y.reshape(len(y), -1)


def compare(model, x, labels=None):
    """Both ways; the classes may differ only where float all but ties, and the accuracy by as much."""
    a, b = scores(model, x, "f32"), scores(model, x, "f16")
    error = np.abs(a - b).max() / np.abs(a).max()
    other = np.flatnonzero(a.argmax(1) != b.argmax(1))
    top = np.sort(a[other], 1)
    lead = ((top[:, -1] - top[:, -2]) / np.abs(a).max()).max() if len(other) else 0
    right = "" if labels is None else ", ".join(
        f" {100 * (y.argmax(1) == labels).mean():.2f} %" for y in (a, b))
    report(error <= ERROR and lead <= 2 * error and len(other) <= len(x) / 100, os.path.relpath(model, data),
           f"{len(x)} images, error {error:.2g}, other class {len(other)}{right and ', right' + right}")


def memory(model, *args):
    os.environ["OCELLI_STYLE"] = "gpu"  # the same kernels for both
    peak = [command("info", model, "--storage", s, *args)["peak_bytes"] for s in ("f32", "f16")]
    del os.environ["OCELLI_STYLE"]
    report(peak[1] < 0.7 * peak[0], f"{model} {' '.join(args)}",
           f"{peak[0]} bytes, in half {peak[1]}, {peak[1] / peak[0]:.2f} of it")


def models():
    for folder in ("models", "onnx_extra"):
        for name in sorted(os.listdir(os.path.join(data, folder))):
            model = os.path.join(data, folder, name, "model.onnx")
            for i in range(3):
                pb = os.path.join(data, folder, name, f"test_data_set_{i}", "input_0.pb")
                if os.path.exists(pb):
                    compare(model, tensor(pb)[:1])


def idx(name, header):
    with gzip.open(os.path.join(data, "mnist", name)) as f:
        return np.frombuffer(f.read(), np.uint8)[header:]


def images():
    x = idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:IMAGES].astype(np.float32)
    labels = idx("t10k-labels-idx1-ubyte.gz", 8)[:IMAGES]
    compare(os.path.join(data, "models/lenet_caffe_mnist/model.onnx"), x / 256, labels)
    compare(os.path.join(data, "onnx_extra/mnist_8/model.onnx"), x[:1])
    raw = np.fromfile(os.path.join(data, "cifar10/cifar10_lossless_train_first4000.bin"), np.uint8)
    raw = raw.reshape(-1, 3073)[:IMAGES]
    x = raw[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
    std = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
    for net in ("resnet20", "resnet56"):
        compare(os.path.join(data, f"models/{net}_cifar10/model.onnx"), (x - mean) / std, raw[:, 0])


def photos():
    """The likeliest class of every photograph, and its probability."""
    files = [os.path.join(data, "photos", f) for f in sorted(os.listdir(os.path.join(data, "photos")))
             if f.endswith((".png", ".jpg"))]
    for net, how in (("squeezenet1.0_imagenet", "caffe"), ("mobilenet_v1_025_128_imagenet", "keras")):
        a, b = (command("classify", os.path.join(data, "models", net, "model.onnx"), *files, "--preprocess", how,
                        "--top", "1", "--storage", s)["images"] for s in ("f32", "f16"))
        tops = [(u["top"][0], v["top"][0]) for u, v in zip(a, b)]
        same = sum(u["class"] == v["class"] for u, v in tops)
        far = max(abs(u["probability"] - v["probability"]) for u, v in tops)
        report(same == len(files) and far < 0.02, net,
               f"{same} of {len(files)} photographs alike, probabilities within {far:.2g}")


if __name__ == "__main__":
    ocelli, data = sys.argv[1:3]
    if not os.path.isdir(os.path.join(data, "models")):
        sys.exit(77)
    for net in ("lenet5", "vgg16", "resnet50", "googlenet"):
        memory(net)
    memory("resnet50", "--input", "32x3x224x224")
    models()
    images()
    photos()
    print(f"{failed} failed")
    sys.exit(failed > 0)
