#!/usr/bin/env bash
# What tests need of the system, by name: chromium with its driver for tests/browser, buildah for tests/image.
# Each that is missing is installed from the system's own packages.
set -euo pipefail

is_there() {  # whether each of these programs is
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || return 1
    done
}

install() {  # the packages; the reader of the message is told which tests go without
    local tests=$1 as_root=()
    shift
    if ! command -v apt-get >/dev/null; then
        echo "$1 is missing, and there is no apt-get to install it: $tests says so." >&2
        return
    fi
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq --yes --no-install-recommends "$@" >/dev/null
}

for name in "$@"; do
    case $name in
    chromium) is_there chromium chromedriver || install tests/browser chromium chromium-driver ;;
    buildah) is_there buildah || install tests/image buildah ;;
    *)
        echo "There is no $name to install: chromium or buildah." >&2
        exit 2
        ;;
    esac
done
