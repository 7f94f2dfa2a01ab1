#!/usr/bin/env bash
# pytest, as its arguments say. Up to three tests that fail are run once more, alone, and named.
#
# For tests with brokers, JVMs, browsers and tools that deploy, many of them beside each other: what fails only there says
# that the machine stood still as often as that something is wrong. It is printed, with how it failed, and wants to be looked
# at. Who fails alone, too, or is skipped there, is a failure; so are many at once, and tests of other folders than these.
#
# usage: second_look.sh PYTHON ARGUMENT…
set -uo pipefail

FAILED_MAX=3
FOLDERS='tests/(abuse|browser|clients|examples|infrastructure|storage/kafka)/'
TESTS_FAILED=1  # pytest's exit code for it

python=$1
shift
folder=$(mktemp --directory)
trap 'rm --recursive --force "$folder"' EXIT
pytest() { "$python" -m pytest -o cache_dir="$folder/cache" "$@"; }
failed() {
    "$python" -c '
import json, pathlib, sys
print(*json.loads(pathlib.Path(sys.argv[1]).read_text()), sep="\n")' "$folder/cache/v/cache/lastfailed"
}
passed() {
    "$python" -c '
import sys
from xml.etree import ElementTree
print(sum(len(case) == 0 for case in ElementTree.parse(sys.argv[1]).iter("testcase")))' "$folder/second.xml"
}

pytest "$@"
code=$?
[ $code = $TESTS_FAILED ] || exit $code

mapfile -t names < <(failed)
[ ${#names[@]} -le $FAILED_MAX ] || exit $code
for name in "${names[@]}"; do
    [[ $name =~ ^$FOLDERS ]] || exit $code
done
pytest "$@" -n 0 --last-failed --last-failed-no-failures none --junitxml "$folder/second.xml" || exit
[ "$(passed)" = ${#names[@]} ] || exit $code
printf 'failed beside others, passed alone: %s\n' "${names[@]}"
