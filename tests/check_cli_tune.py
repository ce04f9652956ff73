#!/usr/bin/env python3
"""Tests of tuning through the command: check_cli_tune.py OCELLI [WORD...]. Prints TAP.

Candidates that crash, hang, overwrite or are wrong cost only themselves; a run that is killed goes on where it was;
strategies are as good on recorded spaces as they were found to be. $OCELLI_TEST_KILLS: how often the run is killed (3)."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.dom.minidom

from clitest import ENV, EXE, SEED, TMP, bad, doc, good, main, need, ocelli, test

ROOT = pathlib.Path(__file__).resolve().parent
SPACES = sorted((ROOT / "spaces").glob("*.jsonl.gz"))
rng = random.Random(SEED)
# Only what is no part of the program changes: one compilation.
SMALL = ["tune", "gemm a=16x1500 b=1500x32", "--values", "MR=2 NV=1 KC=256,1024,1073741824 MB=1,4,8 NB=1 PACK_A=1 PACK_B=1",
         "--strategy", "exhaustive", "--budget", 200]


def db(name):
    return ["--database", TMP / (name + ".db")]


def rows(name, kind):
    text = good("tune", "db", "export", "--all", *db(name))
    return [r for r in map(json.loads, text.splitlines()) if r["row"] == kind]


def tried(name):
    return {r["setting"] for r in rows(name, "result")}


@test
def usage():
    bad(2, "tune", says="what?")
    bad(2, "tune", "lenet5", "vgg16", says="vgg16")
    bad(2, "tune", "--kernel", "x.cl", says="--spec")
    bad(2, "tune", "db", says="list, export")
    bad(2, "tune", "db", "import", says="FILE")
    bad(1, "tune", "gemm a=1x2 b=3x4", *db("no"), says="gemm")
    bad(1, "tune", "frob x=3", *db("no"), says="frob")
    bad(1, "tune", "gemm a=8x8 b=8x8", "--strategy", "magic", *db("no"), says="magic")
    bad(1, "tune", "gemm a=8x8 b=8x8", "--device", "null", *db("no"), says="null")
    bad(1, "tune", "--simulate", "/nonexistent", says="/nonexistent")
    bad(1, "tune", "--spec", "/nonexistent", says="/nonexistent")
    bad(1, "bench", "lenet5", "--runs", 1, says="OCELLI_TUNE", env={"OCELLI_TUNE": "much"})


@test
def problem_and_again():
    d = doc(*SMALL, *db("a"))
    need(d, "problems")
    p = d["problems"][0]
    need(p, "key", "default_ms", "best_ms", "tried", "rejected")
    assert p["key"] == SMALL[1] and p["tried"] >= 4 and p["rejected"] == 0 and p["known"] == 0, p
    assert 0 < p["best_ms"] <= p["default_ms"], p
    again = doc(*SMALL, *db("a"))["problems"][0]
    assert again["known"] == again["tried"] == p["tried"], again
    # Whoever compiles them, the same candidates are tried.
    good(*SMALL, "--jobs", 1, *db("alone"))
    good(*SMALL, "--jobs", 3, *db("three"))
    assert tried("alone") == tried("three") == tried("a")
    winner, = rows("a", "winner")
    assert winner["problem"] == SMALL[1] and winner["variant"] == p["variant"] and winner["clock"] >= 0, winner
    assert doc("tune", "db", "stats", *db("a"))["winners"] == 1
    assert SMALL[1] in good("tune", "db", "list", *db("a"))
    good("tune", "db", "verify", "--device", "null", *db("a"))


@test
def there_and_back():
    lines = TMP / "rows.jsonl"
    good("tune", "db", "export", lines, "--all", *db("a"))
    n = doc("tune", "db", "import", lines, *db("b"))
    assert n["winners"] == 1 and n["candidates"] == len(tried("a")) and n["refused"] == 0, n
    n = doc("tune", "db", "merge", TMP / "a.db", *db("c"))
    assert n["winners"] == 1 and tried("c") == tried("a") == tried("b"), n
    lines.write_text(lines.read_text().replace("MR=2", "MR=2;"))
    n = doc("tune", "db", "import", lines, *db("d"))
    assert n["refused"] >= 4 and n["candidates"] < len(tried("a")), n
    t4 = json.loads(good("tune", "db", "export", "--t4", *db("a")))
    first = t4["results"][0]
    need(first, "timestamp", "configuration", "objectives", "times", "invalidity", "correctness", "measurements")
    assert len(t4["results"]) == len(tried("a")) and first["configuration"]["MR"] == 2, first
    (TMP / "text.db").write_text("no database")
    bad(1, "tune", "db", "verify", *db("text"), says="text.db")


@test
def verify():
    winner, = rows("a", "winner")
    lines = TMP / "verify.jsonl"
    row = lambda setting, **more: json.dumps({**winner, "setting": setting, **more}) + "\n"
    slow = re.sub("MR=[0-9]+ NV=[0-9]+", "MR=1 NV=1", winner["setting"])
    lines.write_text(row(slow, problem="gemm a=128x256 b=256x128") +
                     row(slow, problem="gemm a=17x31 b=31x40", source="0" * 32) +
                     row("MR=5", problem="gemm a=9x31 b=31x40") +
                     row("X=1", problem="kernel x N=1") +
                     row(slow, problem="gemm a=8x8 b=8x8", device="another"))
    assert doc("tune", "db", "import", lines, *db("v"))["winners"] == 5
    r = ocelli("tune", "db", "verify", "--json", *db("v"))
    d = json.loads(r.stdout)
    status = {w["key"]: w["status"] for w in d["winners"]}
    assert status == {"gemm a=128x256 b=256x128": "slower", "gemm a=17x31 b=31x40": "stale",
                      "gemm a=9x31 b=31x40": "stale", "kernel x N=1": "skipped"}, d
    assert r.returncode == 1 and d["bad"] == 1 and "tune it again" in r.stderr, r
    assert any(w["gain_now"] is not None and w["gain_now"] < 0.98 for w in d["winners"]), d
    # The others are no failure; nothing there is none either.
    lines.write_text(row(winner["setting"], problem="gemm a=17x31 b=31x40", source="0" * 32))
    good("tune", "db", "import", lines, *db("stale"))
    assert "1 stale" in good("tune", "db", "verify", *db("stale"))
    assert "of 0 winners" in good("tune", "db", "verify", *db("none"))


@test
def bad_candidates():
    page = TMP / "bad.html"
    good("tune", "--spec", ROOT / "tune" / "bad.json", "--strategy", "exhaustive", "--timeout", 15, "--budget", 300,
         "--report", page, *db("bad"))
    status = {int(r["setting"][4:]): r for r in rows("bad", "result")}
    want = {2: "ok", 3: "crash", 4: "hang", 5: "overwrites", 6: "wrong", 7: "unstable", 8: "compile", 9: "overwrites"}
    for way, word in want.items():
        assert status[way]["status"] == word, status[way]
    assert status[1]["status"] == "ok" and status[1]["ms"] > status[2]["ms"]
    assert "signal" in status[3]["why"] and "N=64" in status[5]["why"], status[5]
    winner, = rows("bad", "winner")
    assert winner["setting"] == "WAY=2" and winner["rejected"] == 7, winner
    text = page.read_text()
    assert text.count("<svg") == 4 and "overwrites" in text and "http" not in text
    for svg in re.findall("<svg.*?</svg>", text, re.S):
        xml.dom.minidom.parseString(svg)
    # Nine candidates against evaluations and again against seconds; seven are rejected.
    assert text.count("<circle") == 2 * 2 and text.count('class="no"') == 2 * 7, text
    # Those that cost a worker are not tried again.
    start = time.monotonic()
    again = doc("tune", "--spec", ROOT / "tune" / "bad.json", "--strategy", "exhaustive", "--timeout", 15, *db("bad"))
    assert again["problems"][0]["known"] == 9 and time.monotonic() - start < 60


@test
def bad_specifications():
    spec = json.loads((ROOT / "tune" / "bad.json").read_text())
    shutil.copy(ROOT / "tune" / "bad.cl", TMP)
    for key, value in (("kernel", None), ("kernel", "a b"), ("source", "bad.txt"), ("parameters", {}), ("global", []),
                       ("parameters", {"WAY;": [1]}), ("parameters", {"WAY": ["-DX"]}), ("sizes", {"N": "4"}),
                       ("constraints", [3]), ("arguments", []), ("arguments", [{"name": "y", "type": "int8"}])):
        path = TMP / "spec.json"
        path.write_text(json.dumps({**spec, key: value}))
        bad(1, "tune", "--spec", path, *db("no"), says="spec")
    path.write_text("{")
    bad(1, "tune", "--spec", path, *db("no"), says="line 1")


@test
def killed_and_resumed():
    """Killed in the middle $OCELLI_TEST_KILLS times, with its worker or without. A run that came to its end is compared
    with one that nobody disturbed; the next begins with an empty database."""
    kills, files = int(os.environ.get("OCELLI_TEST_KILLS", "3")), ["killed0"]
    while kills > 0:
        p = subprocess.Popen([str(w) for w in (EXE, *SMALL, *db(files[-1]))], env=ENV, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            _, said = p.communicate(timeout=rng.uniform(0.02, 3))
            assert p.returncode == 0, said
            files.append("killed%d" % len(files))
        except subprocess.TimeoutExpired:
            kills -= 1
            if rng.random() < 0.5:
                p.kill()
            else:
                os.killpg(p.pid, signal.SIGKILL)
            p.communicate()
    good(*SMALL, *db(files[-1]))
    print("# %d runs came to their end" % len(files))
    whole = tried("a")
    for name in files:
        assert tried(name) == whole, (tried(name), whole)
        assert len(rows(name, "result")) == len(whole), name
        good("tune", "db", "verify", "--device", "null", *db(name))


@test
def interrupted():
    p = subprocess.Popen([str(w) for w in (EXE, *SMALL, "--json", *db("stopped"))], env=ENV, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 60
    while not (TMP / "stopped.db").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    p.send_signal(signal.SIGINT)
    text, _ = p.communicate(timeout=120)
    assert p.returncode in (0, 130), p.returncode
    need(json.loads(text), "problems")


@test
def interrupted_while_it_hangs():
    """Not only between two candidates."""
    p = subprocess.Popen([str(w) for w in (EXE, "tune", "--spec", ROOT / "tune" / "bad.json", "--values", "WAY=1,4",
                                           "--timeout", 100, *db("hangs"))], env=ENV, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "WAY=1" not in ocelli("tune", "db", "export", "--all",
                                                                        *db("hangs")).stdout:
        time.sleep(0.1)
    time.sleep(1)
    start = time.monotonic()
    p.send_signal(signal.SIGINT)
    assert p.wait(timeout=90) == 130 and time.monotonic() - start < 20, p.returncode
    assert tried("hangs") == {"WAY=1"}


@test
def stays_in_its_budget():
    start = time.monotonic()
    good("tune", "gemm a=512x512 b=512x512", "--budget", 4, *db("short"))
    assert time.monotonic() - start < 4 + 4, "a budget of 4 s took %.1f s" % (time.monotonic() - start)


@test
def places_that_cannot_be_written():
    bad(1, *SMALL, "--report", TMP / "no" / "x.html", *db("no"), says="--report")
    (TMP / "file").write_text("")
    r = ocelli(*SMALL[:-2], "--candidates", 1, "--database", TMP / "file" / "t.db")
    assert r.returncode == 0 and "not kept" in r.stderr, r
    r = ocelli(*SMALL[:-2], "--candidates", 1, env={"HOME": "", "XDG_DATA_HOME": "", "OCELLI_TUNING_DB": "",
                                                    "POCL_CACHE_DIR": str(TMP / "pocl")})
    assert r.returncode == 0 and "not kept" in r.stderr, r
    r = ocelli(*SMALL, *db("no"), env={"OCL_ICD_VENDORS": "/nonexistent"})
    assert r.returncode == 1 and "driver" in r.stderr, r


@test
def worker_nonsense():
    r = ocelli("tune-worker", input='what?\n{}\n{"do":"check"}\n{"do":"open","problem":"frob"}\n')
    answers = [json.loads(line) for line in r.stdout.splitlines()]
    assert r.returncode == 0 and len([a for a in answers if a.get("error")]) == 4, r


@test
def network_problems():
    d = doc("tune", "lenet5", "--list")
    assert any("gemm" in p["key"] for p in d["problems"]) and len(d["problems"]) >= 4, d


@test
def simulation():
    assert len(SPACES) >= 3, SPACES
    run = lambda space, *more: doc("tune", "--simulate", space, "--repeats", 60, "--seed", 1, *more)
    shares = {}
    for space in SPACES:
        for strategy in ("auto", "random"):
            d = run(space, "--strategy", strategy)
            shares.setdefault(strategy, []).append(0.05 if d["to95_share"] is None else d["to95_share"])
            assert strategy == "random" or (d["to95_share"] is not None and d["to95_share"] <= 0.04), d
    # Where every tenth candidate is near the best, chance is hard to beat: over all of them.
    assert sum(shares["auto"]) <= 0.8 * sum(shares["random"]), shares
    assert run(SPACES[0], "--repeats", 10) == run(SPACES[0], "--repeats", 10), "not the same again"
    # The best 1x1 convolution is where a 3x3 one begins well.
    near = {p.name[:7]: p for p in SPACES}
    begun = run(near["conv3x3"], "--from", near["conv1x1"])
    assert begun["to95"] < run(near["conv3x3"])["to95"], begun
    everything = run(space, "--strategy", "exhaustive", "--fraction", 1, "--repeats", 1)
    assert 0 < everything["to95"] <= everything["candidates"], everything


if __name__ == "__main__":
    sys.exit(main())
