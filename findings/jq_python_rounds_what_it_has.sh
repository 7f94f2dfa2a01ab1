#!/usr/bin/env bash
# jq 1.13.0 (PyPI), the binding to jq: it rounds integers that the jq inside it still has to the last digit.
#
# jq since 1.7 keeps the digits of a number that no arithmetic touched: its manual promises it for the filters that
# pass a number on, and for `tostring`. The binding builds such a jq in, but takes each result out of it as a double: a
# sequence number of Kinesis or an id above 2**53 comes back as another integer, of the same length and of type int, so
# that nothing looks wrong. That the digits are there the filter `tostring` shows, of the very same number; and
# `text()`, "JSON text", rounds as well. Whoever tries the filter with a jq command of today, as for dynamic
# partitioning, sees another result.
#
# Seen: the number 9007199254740993 becomes 9007199254740992 and a sequence number of 56 digits keeps its first 17, with
# `first()` and with `text()`; with `tostring` both are exact.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jq==1.13.0
"$folder/venv/bin/python" - <<'PYTHON'
import jq

NUMBERS = (9007199254740993, 49590338271490256608559692538361571095921575989136588898)


def taken(number: int) -> tuple[int, str, str]:
    """The number as a value, as JSON text, and as the text that jq itself makes of it."""
    plain = jq.compile(".").input_text(str(number))
    return plain.first(), plain.text(), jq.compile("tostring").input_text(str(number)).first()


seen = [taken(number) for number in NUMBERS]
for number, results in zip(NUMBERS, seen):
    print(number, "->", *results)
rounded = (9007199254740992, 49590338271490256608557595484619406792059985451995365376)
assert seen == [(wrong, str(wrong), str(number)) for number, wrong in zip(NUMBERS, rounded)], "it has changed"
PYTHON
