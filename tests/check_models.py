#!/usr/bin/python3
"""Runs trained models and compares with what is on record for them. Not part of the test suite: the files
are not the project's. Needs numpy and onnx (Debian: python3-numpy, python3-onnx).

usage: check_models.py OCELLI DATA
  DATA/models/*/model.onnx, DATA/onnx_extra/*/model.onnx   with test_data_set_N beside them
  DATA/onnx_light/light_*.onnx                             with light_*_output_0.pb
  DATA/mnist, DATA/cifar10, DATA/photos                    for the accuracies and the photographs
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

ocelli, data = sys.argv[1:3]
failed = 0
scratch = tempfile.TemporaryDirectory()


def report(ok, what, detail=""):
    global failed
    failed += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what}{': ' if detail else ''}{detail}", flush=True)


def command(*args):
    r = subprocess.run([ocelli, *args, "--json"], capture_output=True, text=True)
    return r.returncode, json.loads(r.stdout) if r.stdout else {"error": r.stderr.strip()}


def tensor(path):
    with open(path, "rb") as f:
        t = onnx.TensorProto()
        t.ParseFromString(f.read())
        return numpy_helper.to_array(t)


def run(model, name, x, *args):
    """The first output of the model for input x."""
    npy = os.path.join(scratch.name, "x.npy")
    out = os.path.join(scratch.name, "out")
    np.save(npy, np.ascontiguousarray(x, dtype=np.float32))
    status, d = command("run", model, "--input", f"{name}={npy}", "--output", out, *args)
    if status != 0:
        raise RuntimeError(d["error"])
    return np.load(d["outputs"][0]["file"])


def close(a, b, rtol=1e-3, atol=1e-5):
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= atol + rtol * np.abs(b)))


def data_input(model):
    """Name and shape of the input that is no initialiser; 1 for a batch left open."""
    m = onnx.load(model)
    weights = {t.name for t in m.graph.initializer}
    made = {n.output[0] for n in m.graph.node}
    for i in m.graph.input:
        shape = [d.dim_value or 1 for d in i.type.tensor_type.shape.dim]
        if i.name not in weights | made and len(shape) == 4:
            return i.name, shape


def recorded():
    for folder in ("models", "onnx_extra"):
        for flags in ([], ["--no-fusion"]):
            status, d = command("onnx-test", os.path.join(data, folder), "--atol", "1e-5", *flags)
            for c in d["cases"]:
                report(c["status"] == "passed", f"{c['name']} {' '.join(flags)}",
                       f"{c['reason'] or ''} max_abs {c['max_abs']}")


def light():
    folder = os.path.join(data, "onnx_light")
    for f in sorted(os.listdir(folder)):
        if not f.endswith(".onnx"):
            continue
        model = os.path.join(folder, f)
        want = tensor(model[:-5] + "_output_0.pb")
        name, shape = data_input(model)
        n = int(np.prod(shape))
        x = (np.arange(n, dtype=np.float32) / n).reshape(shape)
        for flags in ([], ["--no-fusion"]):
            y = run(model, name, x, *flags)
            report(close(y, want), f"{f} {' '.join(flags)}", f"max_abs {np.abs(y - want).max():.2g}")


def batches():
    """Three images at once give what each gives alone."""
    folder = os.path.join(data, "models")
    for m in sorted(os.listdir(folder)):
        model = os.path.join(folder, m, "model.onnx")
        x = tensor(os.path.join(folder, m, "test_data_set_0", "input_0.pb"))[:1]
        x = np.concatenate([x, x[:, :, ::-1], x[:, :, :, ::-1]])
        name, _ = data_input(model)
        for flags in ([], ["--no-fusion"]):
            y = run(model, name, x, "--batch", "3", *flags)
            alone = np.concatenate([run(model, name, x[i:i + 1], *flags) for i in range(3)])
            report(close(y, alone), f"{m} batch 3 {' '.join(flags)}",
                   f"max_abs {np.abs(y - alone).max():.2g}")


def accuracy(model, images, labels, want, within, size=500):
    name, _ = data_input(model)
    right = 0
    for i in range(0, len(images), size):
        y = run(model, name, images[i:i + size], "--batch", str(len(images[i:i + size])))
        right += int((y.reshape(len(y), -1).argmax(1) == labels[i:i + size]).sum())
    got = 100 * right / len(images)
    report(abs(got - want) <= within, f"{model}: accuracy of {len(images)} images",
           f"{got:.2f} %, on record {want} %")


def accuracies():
    def idx(name, header):
        with gzip.open(os.path.join(data, "mnist", name)) as f:
            return np.frombuffer(f.read(), np.uint8)[header:]
    x = idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 256
    accuracy(os.path.join(data, "models/lenet_caffe_mnist/model.onnx"), x,
             idx("t10k-labels-idx1-ubyte.gz", 8), 99.14, 0.02)
    raw = np.fromfile(os.path.join(data, "cifar10/cifar10_lossless_train_first4000.bin"), np.uint8)
    raw = raw.reshape(-1, 3073)[:1000]
    x = raw[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
    std = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
    accuracy(os.path.join(data, "models/resnet20_cifar10/model.onnx"), (x - mean) / std, raw[:, 0],
             99.9, 0.2)


recorded()
light()
batches()
accuracies()
print(f"{failed} failed")
sys.exit(failed > 0)
