"""tools/compare-torch accuracy: a training recipe by Ocelli and by PyTorch.

Both begin with the same weights and see the same images in the same order, varied alike: the loader's random
numbers (src/data/loader.c, src/data/augment.c) are counted, so that they can be had here too. Only dropout draws
its own."""
import csv
import gzip
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import check_torch
import torch_nets

FASHION_DIR = pathlib.Path("/usr/share/datasets/fashion-mnist")
GOLDEN = 0x9e3779b97f4a7c15
MASK = (1 << 64) - 1
SHUFFLE_STREAM = 0x73687566666c6500
AUGMENT_STREAM = 0x6175676d656e7400
FLIP, SHIFT_Y, SHIFT_X, DRAWS = 0, 1, 2, 8
WITHIN = 0.7  # points of accuracy


# ---- Random numbers: src/base/hash.c ----


def mix(z):
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9 & MASK
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb & MASK
    return z ^ (z >> 31)


def key_of(seed, stream):
    return mix(mix((seed + GOLDEN) & MASK) ^ (stream + 1) * 0xd1342543de82ef95 & MASK)


def randoms(seed, stream, numbers):
    """random_at for an array of numbers."""
    with np.errstate(over="ignore"):
        z = np.uint64(key_of(seed, stream)) + (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        return z ^ (z >> np.uint64(31))


def shuffled(count, seed, epoch):
    """The order in which the loader takes the images."""
    draws = randoms(seed, SHUFFLE_STREAM + epoch, np.arange(count)).tolist()
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = draws[i] % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


# ---- Data ----


def idx(path):
    raw = gzip.decompress(path.read_bytes())
    rank = raw[3]
    dims = struct.unpack(">%dI" % rank, raw[4:4 + 4 * rank])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(dims)


def dataset(name, folder):
    """(images N x C x H x W bytes, labels) of training and test."""
    if name == "cifar10":
        files = sorted(folder.glob("data_batch_*.bin"), key=lambda f: int(f.stem.rsplit("_", 1)[1]))
        parts = [np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files]),
                 np.fromfile(folder / "test_batch.bin", np.uint8).reshape(-1, 3073)]
        return [(p[:, 1:].reshape(-1, 3, 32, 32), p[:, 0].astype(np.int64)) for p in parts]
    folder = folder or FASHION_DIR
    return [(idx(folder / (part + "-images-idx3-ubyte.gz"))[:, None],
             idx(folder / (part + "-labels-idx1-ubyte.gz")).astype(np.int64)) for part in ("train", "t10k")]


def varied(images, at, epoch, args):
    """A batch, as src/data/augment.c makes it."""
    x = images[at].astype(np.float32) / np.float32(255)
    flip, crop = augmentation(args.augment)
    if not flip and not crop:
        return x

    def draw(what):
        z = randoms(args.seed, AUGMENT_STREAM + 1 + epoch, at.astype(np.uint64) * np.uint64(DRAWS) + np.uint64(what))
        return (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53

    def shift(what):
        return np.floor(draw(what) * (2 * crop + 1)).astype(np.int64) - crop

    b, c, h, w = x.shape
    mirrored = flip & (draw(FLIP) < 0.5)
    row = np.arange(h)[None] + shift(SHIFT_Y)[:, None] + crop
    col = np.where(mirrored[:, None], np.arange(w)[None, ::-1], np.arange(w)[None]) + shift(SHIFT_X)[:, None] + crop
    x = np.pad(x, ((0, 0), (0, 0), (crop, crop), (crop, crop)))
    return x[np.arange(b)[:, None, None, None], np.arange(c)[None, :, None, None], row[:, None, :, None],
             col[:, None, None, :]]


def augmentation(words):
    """(flip, pixels of the crop)"""
    flip, crop = False, 0
    for word in filter(None, (words or "").split(",")):
        if word == "flip":
            flip = True
        elif word.split("=")[0] == "crop":
            crop = int(word[5:] or 4)
        else:
            sys.exit("--augment %s: only flip and crop are compared" % word)
    return flip, crop


# ---- The recipe, as src/train/schedule.c and src/ops/sgd.c have it ----

SCHEDULES = {"constant": lambda x: 1, "step": lambda x: 1 if x < 1 / 3 else 0.1 if x < 2 / 3 else 0.01,
             "cosine": lambda x: (1 + math.cos(math.pi * x)) / 2, "poly": lambda x: (1 - x) ** 2}


def rate(args, step, steps):
    if step < args.warmup:
        return args.lr * (step + 1) / args.warmup
    return args.lr * SCHEDULES[args.schedule]((step - args.warmup) / max(steps - args.warmup, 1))


def optimizer(args, weights):
    if args.optimizer == "adam":
        return torch.optim.Adam(weights, lr=args.lr, betas=(args.momentum, 0.999), weight_decay=args.weight_decay)
    return torch.optim.SGD(weights, lr=args.lr, momentum=args.momentum, weight_decay=args.weight_decay,
                           nesterov=args.optimizer == "nesterov")


def command(args, net, out, *more):
    words = [args.ocelli, "train", net, "--data", args.data, "--batch", args.batch, "--seed", args.seed, "--out", out]
    words += ["--data-dir", args.data_dir] if args.data_dir else []
    subprocess.run([str(w) for w in (*words, *more)], check=True)


def ours(args, net, out, steps):
    """Trained, or gone on with; what was finished before is not done again."""
    augment = ["--augment", args.augment] if args.augment else []
    warmup = ["--warmup", args.warmup] if args.warmup else []
    command(args, net, out, "--resume", "--epochs", args.epochs, "--lr", args.lr, "--optimizer", args.optimizer,
            "--momentum", args.momentum, "--weight-decay", args.weight_decay, "--schedule", args.schedule,
            "--checkpoint-steps", 200, *augment, *warmup, *(["--steps", steps] if args.last else []))
    with (out / "metrics.csv").open() as f:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]


def begin(args, net, size):
    """PyTorch's network with the weights that ours begins with: a step at this rate changes no bit of them."""
    torch.manual_seed(args.seed)
    module = torch_nets.NETS[net][0](size, True)
    with tempfile.TemporaryDirectory() as tmp:
        command(args, net, tmp, "--quiet", "--steps", 1, "--epochs", 1, "--lr", "1e-12")
        tensors = {k: v for k, v in check_torch.load(pathlib.Path(tmp, "checkpoint")).items()
                   if not k.endswith((".momentum", ".squares"))}
    for name, t in check_torch.places(module, tensors).items():
        if t.requires_grad: # running averages begin anew; the first filters have the images' channels
            t.data = torch.tensor(tensors[name].copy())
    return module


def test(module, images, labels):
    module.eval()
    loss = right = 0.0
    with torch.no_grad():
        for i in range(0, len(labels), 500):
            y = module(torch.tensor(images[i:i + 500].astype(np.float32) / np.float32(255)))
            target = torch.tensor(labels[i:i + 500])
            loss += F.cross_entropy(y, target, reduction="sum").item()
            right += (y.argmax(1) == target).sum().item()
    return {"test_loss": loss / len(labels), "test_accuracy": right / len(labels)}


def train_epoch(module, opt, images, labels, epoch, args):
    module.train()
    order = np.array(shuffled(len(labels), args.seed, epoch))
    steps = len(labels) // args.batch
    loss_sum = right = 0.0
    for k in range(steps):
        at = order[k * args.batch:(k + 1) * args.batch]
        for group in opt.param_groups:
            group["lr"] = rate(args, epoch * steps + k, args.epochs * steps)
        y = module(torch.tensor(varied(images, at, epoch, args)))
        target = torch.tensor(labels[at])
        loss = F.cross_entropy(y, target)
        opt.zero_grad()
        loss.backward()
        opt.step()
        loss_sum += loss.item()
        right += (y.argmax(1) == target).sum().item()
    return {"epoch": epoch + 1, "train_loss": loss_sum / steps, "train_accuracy": right / (steps * args.batch)}


RECIPE = ("data", "epochs", "batch", "seed", "optimizer", "lr", "momentum", "weight_decay", "schedule", "warmup",
          "augment")


def theirs(args, net, out, data):
    """The same of PyTorch; out/torch.pt keeps each finished epoch."""
    (images, labels), tests = data
    path, rows, recipe = out / "torch.pt", [], {word: getattr(args, word) for word in RECIPE}
    module = begin(args, net, images.shape[-1])
    opt = optimizer(args, module.parameters())
    if path.exists():
        kept = torch.load(path)
        if kept["recipe"] != recipe:
            sys.exit("%s: of another recipe, %s" % (path, kept["recipe"]))
        module.load_state_dict(kept["module"])
        opt.load_state_dict(kept["optimizer"])
        torch.set_rng_state(kept["random"])
        rows = kept["rows"]
    for epoch in range(len(rows), args.last or args.epochs):
        rows.append({**train_epoch(module, opt, images, labels, epoch, args), **test(module, *tests)})
        torch.save({"module": module.state_dict(), "optimizer": opt.state_dict(), "rows": rows,
                    "random": torch.get_rng_state(), "recipe": recipe}, path)
        print("torch  " + json.dumps(rows[-1]), flush=True)
    return rows


def accuracy_of(args, net, data, out):
    out.mkdir(parents=True, exist_ok=True)
    steps = len(data[0][1]) // args.batch * (args.last or args.epochs)
    rows = list(zip(ours(args, net, out, steps), theirs(args, net, out, data)))
    print("%s on %s, a schedule of %d epochs, batch %d, %s %g (%s), weight decay %g, augment %s, seed %d" %
          (net, args.data, args.epochs, args.batch, args.optimizer, args.lr, args.schedule, args.weight_decay,
           args.augment or "none", args.seed))
    print("epoch   train loss        torch   accuracy    torch   test    torch")
    for x, y in rows:
        print("%5d  %11.4f  %11.4f   %6.2f %%  %6.2f %%  %6.2f %%  %6.2f %%" %
              (x["epoch"], x["train_loss"], y["train_loss"], 100 * x["train_accuracy"], 100 * y["train_accuracy"],
               100 * x["test_accuracy"], 100 * y["test_accuracy"]))
    a, b = (100 * last["test_accuracy"] for last in rows[-1])
    print("%s: %.2f %%, PyTorch %.2f %%, %+.2f points" % (net, a, b, a - b), flush=True)
    return abs(a - b) <= WITHIN and a >= args.least


def accuracy(args):
    torch.set_num_threads(2)
    data = dataset(args.data, args.data_dir)
    with tempfile.TemporaryDirectory() as tmp:
        return all([accuracy_of(args, net, data, pathlib.Path(args.out or tmp) / net)
                    for net in (args.nets or "resnet20").split(",")])
