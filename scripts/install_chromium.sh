#!/usr/bin/env bash
# Chromium and its driver, for the tests in tests/browser: from the system's own packages, where they are missing.
set -euo pipefail

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "Chromium is missing, and there is no apt-get to install it: tests/browser says so." >&2
    exit 0
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq --yes --no-install-recommends chromium chromium-driver >/dev/null
