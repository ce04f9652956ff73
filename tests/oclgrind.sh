#!/bin/sh
# Runs every operation's problems under oclgrind, limited to what it can simulate in a few minutes, and fails
# when it has something to say: it exits 0 whatever it finds, so its log must be empty.
# usage: oclgrind.sh CHECKCL PROBLEMS.txt...
set -u
checkcl=$1
shift
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
export XDG_CACHE_HOME="$tmp"
failed=0

# check WHAT LIMITS.. -- FILES..: one run with the checks of WHAT.
check()
{
    what=$1
    shift
    : >"$tmp/log"
    # shellcheck disable=SC2086
    if ! oclgrind --log "$tmp/log" $what "$checkcl" --exact "$@" >"$tmp/out" 2>&1; then
        grep -v '^ok ' "$tmp/out" | head -40
        failed=1
    fi
    tail -1 "$tmp/out"
    if [ -s "$tmp/log" ]; then
        echo "oclgrind $what has found:"
        head -60 "$tmp/log"
        failed=1
    fi
}

# Every run also finds accesses beyond a buffer and barriers that not all work-items reach.
check "--data-races --uniform-writes" --max-macs 50000 --max-items 3000 --settings 3 "$@"
# Slower by far, and it knows no "freeze", which optimised code contains.
check "--uninitialized --build-options -cl-opt-disable" --max-macs 4000 --max-items 300 --settings 2 "$@"
exit $failed
