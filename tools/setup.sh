# Shared by quickstart and run-tests; sourced, POSIX sh. Expects to be in the top folder.

# What building and running needs, as Debian 12 names it.
packages="meson ninja-build gcc libc6-dev pkgconf ocl-icd-opencl-dev opencl-c-headers
pocl-opencl-icd libclblast-dev zlib1g-dev libxxhash-dev libjansson-dev libsqlite3-dev libzip-dev libjpeg62-turbo-dev libpng-dev protobuf-c-compiler libprotobuf-c-dev dataset-fashion-mnist"
# What only the tests need.
test_packages="check oclgrind g++ libonnx-testdata"

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# Words of $@ that are not installed.
missing() {
    for p in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
    done
}

# Does apt know every one of them, from the lists it has?
known() {
    for p in "$@"; do
        apt-cache policy "$p" 2>/dev/null | grep -q 'Candidate: [0-9]' || return 1
    done
}

# Installs what is missing of the packages named.
need() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        for tool in meson ninja gcc pkg-config; do
            command -v "$tool" >/dev/null || die "this is not Debian (or a relative with apt): please install
what these packages hold, then call it again: $*"
        done
        echo "No apt here; going on with what is installed." >&2
        return
    fi
    list=$(missing "$@")
    [ -n "$list" ] || return 0
    # One line for the reader.
    list=$(echo $list)
    echo "Installing Debian packages: $list"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        die "not root, and there is no sudo; please have installed: apt-get install $list"
    fi
    install="apt-get install -y -q --no-install-recommends"
    if ! known $list || ! as_root $install $list; then
        as_root apt-get update -q && as_root $install $list || die "apt-get could not install: $list"
    fi
}

# configure DIR OPTION...: sets up a build folder, unless it is one.
configure() {
    dir=$1
    shift
    [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" || die "meson could not configure $dir"
}
