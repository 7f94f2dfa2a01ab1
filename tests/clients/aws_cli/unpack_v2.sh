#!/bin/sh
# Unpacks AWS CLI v2, as the Debian package `awscli` with what it depends on, into the folder named
# by the argument. It needs no rights, and changes nothing of the system.
set -eu

folder=$1
rm -rf "$folder"
mkdir -p "$folder/packages"
cd "$folder/packages"
packages=$(apt-get install --simulate --no-install-recommends awscli | awk '/^Inst / { print $2 }')
# shellcheck disable=SC2086 # one word for each package
apt-get download --quiet $packages
for package in *.deb; do
    dpkg-deb --extract "$package" "$folder"
done
rm -r "$folder/packages"
