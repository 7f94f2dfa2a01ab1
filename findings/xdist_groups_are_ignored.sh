#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0: `--dist loadgroup` groups nothing, and says nothing.
#
# Its workers append "@group" to the private `_nodeid` of a test, from which the scheduler takes the group. Since
# pytest 9.2 `nodeid` is made of another field, so the name never arrives: tests of one `xdist_group` run in several
# workers, at the same time. With pytest 8.4 they run in one. Nothing fails but what must not run beside itself.
#
# Seen, four tests of one group and two workers: with 8.4.2 one worker, with 9.2.0 two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > test_group.py <<'PYTHON'
import os
import time

import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(4))
def test_where_it_runs(number):
    time.sleep(0.5)
    with open(os.environ["WORKERS"], "a") as workers:
        workers.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PYTHON
for version in 8.4.2 9.2.0; do
    python3 -m venv "env-$version"
    "env-$version/bin/pip" install --quiet "pytest==$version" pytest-xdist==3.8.0
    WORKERS="$folder/workers-$version" "env-$version/bin/pytest" -q -n 2 --dist loadgroup test_group.py >/dev/null
done
seen="$(sort -u workers-8.4.2 | wc -l) $(sort -u workers-9.2.0 | wc -l)"
echo "$seen"
[ "$seen" = '1 2' ] || { echo "it has changed" >&2; exit 1; }
