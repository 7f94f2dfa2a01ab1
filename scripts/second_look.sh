#!/usr/bin/env bash
# pytest, as its arguments say. What fails is run once more, alone, and named: up to three tests.
#
# For tests with brokers, JVMs and browsers, a thousand of them beside each other: what fails only there says that the machine
# stood still as often as that something is wrong. It is printed, with how it failed, and wants to be looked at; who fails
# alone as well, or has many with it, is a failure. Everyday tests get no second look.
#
# usage: second_look.sh PYTHON ARGUMENT…
set -uo pipefail

FAILED_MAX=3
TESTS_FAILED=1  # pytest's exit code for it

python=$1
shift
cache=$(mktemp --directory)
trap 'rm --recursive --force "$cache"' EXIT
pytest() { "$python" -m pytest -o cache_dir="$cache" "$@"; }
failed() {
    "$python" -c '
import json, pathlib, sys
print(*json.loads(pathlib.Path(sys.argv[1]).read_text()), sep="\n")' "$cache/v/cache/lastfailed"
}

pytest "$@"
code=$?
[ $code = $TESTS_FAILED ] || exit $code

mapfile -t names < <(failed)
[ ${#names[@]} -le $FAILED_MAX ] || exit $code
pytest "$@" -n 0 --last-failed --last-failed-no-failures none || exit
printf 'failed beside others, passed alone: %s\n' "${names[@]}"
