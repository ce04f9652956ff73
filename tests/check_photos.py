#!/usr/bin/env python3
"""Real photographs by real networks: check_photos.py OCELLI DATA. Prints TAP. Not part of the test suite:
DATA holds models/ (two trained ImageNet classifiers) and photos/ (with the list of labels), which are not
the project's."""
import json
import pathlib
import subprocess
import sys

EXE = sys.argv[1]
DATA = pathlib.Path(sys.argv[2])
LABELS = DATA / "photos" / "imagenet_labels_1000.txt"
# What the networks give to the same photographs prepared by Pillow and NumPy.
EXPECTED = {
    ("squeezenet1.0_imagenet", "caffe"): {
        "coffee.png": ("espresso", .96), "chelsea.png": ("Egyptian cat", .70),
        "motorcycle_left.png": ("moped", .66), "grace_hopper.jpg": ("bow tie", .60)},
    ("mobilenet_v1_025_128_imagenet", "keras"): {
        "coffee.png": ("espresso", .98), "chelsea.png": ("Egyptian cat", .54),
        "motorcycle_left.png": ("moped", .78), "grace_hopper.jpg": ("bow tie", .54)},
}


def main():
    n = failed = 0
    for (model, how), photos in EXPECTED.items():
        files = [str(DATA / "photos" / f) for f in photos]
        r = subprocess.run([EXE, "classify", str(DATA / "models" / model / "model.onnx"), *files, "--json", "--top", "1",
                            "--labels", str(LABELS), "--preprocess", how], capture_output=True, text=True, timeout=600)
        images = {i["file"]: i for i in json.loads(r.stdout)["images"]} if r.returncode == 0 else {}
        for f, (label, probability) in zip(files, photos.values()):
            top = images.get(f, {"top": []})["top"]
            good = top and top[0]["label"].split(",")[0] == label and abs(top[0]["probability"] - probability) < .02
            n += 1
            failed += not good
            print("%sok %d - %s by %s" % ("" if good else "not ", n, pathlib.Path(f).name, model))
            if not good:
                print("# wanted %s %.2f, got %s %s" % (label, probability, top, r.stderr.strip()))
    print("1..%d" % n)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
