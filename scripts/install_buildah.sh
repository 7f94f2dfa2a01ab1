#!/usr/bin/env bash
# Buildah, for the tests in tests/image: from the system's own packages, where it is missing.
set -euo pipefail

if command -v buildah >/dev/null; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "Buildah is missing, and there is no apt-get to install it: tests/image says so." >&2
    exit 0
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq --yes --no-install-recommends buildah >/dev/null
