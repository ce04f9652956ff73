#!/usr/bin/env python3
"""A training step of every network at its full size: tests/check_steps.py BUILD [NET...].

Runs `ocelli bench NET --train` once for each, in a process of its own, below a cap on the device's memory. Fails where
the memory that the plan predicted is not what the device was asked for, to the byte, or where the whole process took
more than that and what a driver with its compiler may take. With --write, the rows go into tests/steps.md.

Takes minutes a network where its kernels have not been compiled yet."""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import time

NETS = ("alexnet", "alexnet-one-column", *("vgg%s" % n for n in ("11", "13", "16", "16c", "19")),
        *("vgg%d-bn" % n for n in (11, 13, 16, 19)), "nin", "googlenet", "inception-v2", "inception-v3",
        *("resnet%d" % n for n in (18, 34, 50, 101, 152)))
MIB = 1 << 20
BESIDE = 1024 * MIB  # of the process: libraries, the compiler, weights on their way to the device

HEAD = """# A training step of every network at full size

`tests/check_steps.py --write BUILD`, on {device}: forward, backward and SGD with momentum, batch {batch}, images as the
networks' papers have them, no more than {cap} for the device. Predicted: the plan's peak before anything is allocated;
allocated: the most that the device held at once; process: the largest resident set, kernels compiled by this process
included. Seconds: the last of four steps, on a machine in use.

| network | image | predicted | allocated | process | seconds | loss |
|---|---|---|---|---|---|---|
"""


def run(words):
    """(what it printed, largest resident set in bytes)"""
    p = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    text = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise subprocess.CalledProcessError(p.returncode, words)
    return json.loads(text), usage.ru_maxrss * 1024


def one(exe, net, args):
    d, resident = run([exe, "bench", net, "--train", "--json", "--runs", "1", "--batch", str(args.batch),
                       "--memory-cap", args.cap])
    side = 299 if net == "inception-v3" else 227 if net == "alexnet" else 224
    row = "| %s | %d | %d | %d | %.0f MiB | %.2f | %.3f |" % (
        net, side, d["peak_bytes"], d["allocated_bytes"], resident / MIB, d["median_ms"] / 1e3, d["losses"][0])
    assert d["peak_bytes"] == d["allocated_bytes"], "predicted and allocated differ: " + row
    assert resident < d["peak_bytes"] + BESIDE, "the process takes too much: " + row
    assert all(math.isfinite(x) for x in d["losses"]) and len(d["losses"]) > 1, d["losses"]
    return row, d["device"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--write", action="store_true")
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("--cap", default="20G", metavar="BYTES")
    p.add_argument("build", type=pathlib.Path)
    p.add_argument("net", nargs="*", default=NETS)
    args = p.parse_args()
    path = pathlib.Path(__file__).with_name("steps.md")
    rows, failed, device = {}, 0, ""
    if args.write and path.exists():
        rows = {line.split()[1]: line for line in path.read_text().splitlines() if line.startswith("| ")}
    for net in args.net:
        begin = time.monotonic()
        try:
            rows[net], device = one(args.build / "tools/ocelli", net, args)
            print("%s  %.0f s" % (rows[net], time.monotonic() - begin), flush=True)
        except (AssertionError, subprocess.CalledProcessError) as e:
            failed += 1
            print("%s: %s" % (net, e), flush=True)
    if args.write and device:
        path.write_text(HEAD.format(device=device, batch=args.batch, cap=args.cap) +
                        "".join(rows[net] + "\n" for net in NETS if net in rows))
    print("%d of %d networks as predicted" % (len(args.net) - failed, len(args.net)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
