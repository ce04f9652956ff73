"""What the tests of the command share: running it, checking what scripts may rely on, and a main() that prints TAP.

The command is the first argument; further ones are words: only tests whose names contain one are run."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

EXE = pathlib.Path(sys.argv[1]).resolve()
TMP = pathlib.Path(tempfile.mkdtemp(prefix="ocelli-cli-"))
SEED = int(os.environ.get("OCELLI_TEST_SEED", random.randrange(1 << 30)))
ENV = {**os.environ, "XDG_CACHE_HOME": str(TMP / "cache"), "LC_ALL": "C.UTF-8", "OCELLI_TUNING_DB": str(TMP / "tuning.db"),
       "OCELLI_SITE_DB": str(TMP / "site.db"), "TERM": "xterm"}
for name in ("OCELLI_DEVICE", "OCELLI_PLATFORM", "OCELLI_FAULT", "OCELLI_CACHE_DIR", "OCELLI_KERNEL_DIR", "OCELLI_TUNE"):
    ENV.pop(name, None)

tests = []


def test(f):
    tests.append(f)
    return f


def ocelli(*words, env=None, stdout=subprocess.PIPE, cwd=None, **kw):
    return subprocess.run([str(EXE), *map(str, words)], env={**ENV, **(env or {})}, stdout=stdout,
                          stderr=subprocess.PIPE, text=True, cwd=cwd or TMP, timeout=300, **kw)


def good(*words, **kw):
    r = ocelli(*words, **kw)
    assert r.returncode == 0, "%s: status %d: %s" % (words, r.returncode, r.stderr)
    # Neither a warning of ours nor one of the driver's compiler.
    assert r.stderr == "", "%s: %s" % (words, r.stderr)
    return r.stdout


def doc(*words, **kw):
    return json.loads(good(*words, "--json", **kw))


def bad(status, *words, says="", **kw):
    """Fails with that status and one line, and prints nothing else."""
    r = ocelli(*words, **kw)
    lines = r.stderr.splitlines()
    assert r.returncode == status, "%s: status %d, not %d: %s" % (words, r.returncode, status, r.stderr)
    assert len(lines) == 1 and lines[0].startswith("ocelli: "), "%s: not one line: %r" % (words, r.stderr)
    assert ": " in lines[0][8:], "%s: does not say what and why: %r" % (words, lines[0])
    assert says in lines[0], "%s: %r lacks %r" % (words, lines[0], says)
    return r


def empty(folder):
    left = [str(p) for p in pathlib.Path(folder).rglob("*")] if pathlib.Path(folder).exists() else []
    assert not left, "left behind: %s" % left


def need(d, *keys):
    missing = [k for k in keys if k not in d]
    assert not missing, "JSON lacks %s: has %s" % (missing, sorted(d))


def main():
    wanted = [t for t in tests if len(sys.argv) < 3 or any(w in t.__name__ for w in sys.argv[2:])]
    failed = 0
    print("# OCELLI_TEST_SEED=%d" % SEED, flush=True)
    for n, t in enumerate(wanted, 1):
        begin = time.monotonic()
        try:
            t()
            print("ok %d - %s" % (n, t.__name__))
            print("# %.1f s" % (time.monotonic() - begin), flush=True)
        except (AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
            failed += 1
            print("not ok %d - %s" % (n, t.__name__))
            for line in str(e).splitlines()[:20] or [type(e).__name__]:
                print("# " + line, flush=True)
    print("1..%d" % len(wanted))
    shutil.rmtree(TMP, ignore_errors=True)
    return 1 if failed or not wanted else 0

