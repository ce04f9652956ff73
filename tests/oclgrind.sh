#!/bin/sh
# Runs every operation's problems under oclgrind, limited to what it can simulate in a few minutes, and fails
# when it has something to say: it exits 0 whatever it finds, so its log must be empty. Its device is of every
# kind; as a processor it gets the variants of processors, which other operations have none of.
# usage: oclgrind.sh [--long] CHECKCL PROBLEMS.txt...   (--long: larger problems, more settings, all as both)
set -u
long=
if [ "$1" = --long ]; then
    long=1
    shift
fi
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

for_processors=
for_winograd= # whose four launches have more work-items than the others
for f in "$@"; do
    case ${f##*/} in
    conv2d*.txt | pool2d*.txt | gemm*.txt | bias_bwd.txt | softmax.txt | reduce.txt | \
        batchnorm*.txt | lrn_blocked*.txt | separable_blocked.txt | gap_bwd.txt) for_processors="$for_processors $f" ;;
    esac
    case ${f##*/} in
    conv2d.txt | conv2d_bwd_data.txt) for_winograd="$for_winograd $f" ;;
    esac
done
# Every run also finds accesses beyond a buffer and barriers that not all work-items reach. What is
# uninitialised is found more slowly by far, and by an oclgrind that knows no "freeze", which optimised code
# contains.
races="--data-races --uniform-writes"
unset="--uninitialized --build-options -cl-opt-disable"
# shellcheck disable=SC2086
if [ "$long" ]; then
    for device in gpu cpu; do
        check "$races" --device $device --max-macs 50000 --max-items 3000 --settings 3 "$@"
        check "$unset" --device $device --max-macs 4000 --max-items 300 --settings 2 "$@"
    done
else
    check "$races" --device gpu --max-macs 20000 --max-items 600 --settings 2 "$@"
    check "$races" --device gpu --variant winograd --max-macs 4000 --max-items 4000 --settings 1 $for_winograd
    check "$races" --device cpu --max-macs 20000 --max-items 600 --settings 1 $for_processors
    check "$unset" --device gpu --max-macs 2000 --max-items 300 --settings 1 "$@"
    check "$unset" --device cpu --max-macs 2000 --max-items 300 --settings 1 $for_processors
fi
exit $failed
