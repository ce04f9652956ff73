#!/usr/bin/env python3
"""Uses the library as others would: check_consumer.py BUILD_ROOT. Prints TAP.

The build is installed into an empty folder; the consumer is built against that through pkg-config, and
then as a project that has ocelli as a meson subproject."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
count = failed = 0


class Failed(Exception):
    pass


def run(*command, **kw):
    r = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, **kw)
    if r.returncode:
        raise Failed("%s: exit status %d\n%s" % (command[0], r.returncode, r.stdout))
    return r.stdout


def test(name, body):
    global count, failed
    count += 1
    try:
        body()
        print("ok %d - %s" % (count, name), flush=True)
    except (Failed, AssertionError, OSError) as e:
        failed += 1
        print("not ok %d - %s" % (count, name))
        for line in str(e).split("\n")[-40:]:
            print("# " + line, flush=True)


def find(root, pattern):
    hits = sorted(root.rglob(pattern))
    assert hits, "%s: not installed" % pattern
    return hits[0]


def check_run(program, **env):
    out = run(program, env={**os.environ, **env})
    assert out.startswith("61706 parameters"), out


def main():
    build = pathlib.Path(sys.argv[1])
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="ocelli-consumer-"))
    dest = tmp / "root"
    meson = os.environ.get("MESON", "meson")

    def install():
        run(meson, "install", "-C", build, "--no-rebuild", "--destdir", dest)
        for name in ("libocelli.so.0", "ocelli.pc", "ocelli.h", "opencl.h", "ocelli.1"):
            find(dest, name)
        assert not list(dest.rglob("*.a")), "a static archive of internals was installed"
        assert os.access(find(dest, "bin/ocelli"), os.X_OK)

    def installed():
        pc = find(dest, "ocelli.pc")
        # The folder is not where it was configured for: pkg-config is told where it is.
        prefix = pc.read_text().split("prefix=", 1)[1].split("\n", 1)[0]
        flags = run("pkg-config", "--define-variable=prefix=%s" % (str(dest) + prefix), "--cflags",
                    "--libs", "ocelli", env={**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}).split()
        exe = tmp / "installed"
        run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", HERE / "consumer.c", "-o", exe, *flags)
        check_run(exe, LD_LIBRARY_PATH=str(find(dest, "libocelli.so.0").parent))

    def installed_command():
        out = run(find(dest, "bin/ocelli"), "info", "lenet5", "--quiet",
                  env={**os.environ, "LD_LIBRARY_PATH": str(find(dest, "libocelli.so.0").parent)})
        assert "61706" in out, out

    def subproject():
        project = tmp / "project"
        (project / "subprojects").mkdir(parents=True)
        for name in ("consumer.c", "meson.build"):
            shutil.copy(HERE / name, project)
        (project / "subprojects" / "ocelli").symlink_to(SOURCE)
        run(meson, "setup", "--wrap-mode=forcefallback", "-Dbuildtype=plain", project / "build", project)
        run("ninja", "-C", project / "build", "consumer")
        check_run(project / "build" / "consumer")

    test("installs headers, library, pkg-config file, command and manual", install)
    test("a program builds against the installed library and runs", installed)
    test("the installed command runs", installed_command)
    test("a program builds with ocelli as its meson subproject and runs", subproject)
    print("1..%d" % count)
    shutil.rmtree(tmp)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
