#!/usr/bin/env bash
# A base for the Dockerfile where no registry can be reached: this machine's own Debian with its Python, without what
# neither a build nor the image needs. Its packages are fetched by apt and unpacked; none of their scripts runs.
#
#     scripts/image_base.sh NAME
#
# leaves it as the image NAME in buildah's storage.
set -euo pipefail

name=$1
packages=(base-files bash ca-certificates coreutils dash libc-bin python3-venv tzdata)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/packages" "$folder/root"
chmod 755 "$folder" "$folder/packages" "$folder/root"

cd "$folder/packages"
apt-get update -qq
only=(--no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances)
apt-cache depends --recurse "${only[@]}" "${packages[@]}" | grep -E '^[a-z0-9]' | sort -u > ../wanted
# Of several that would do, or that are for installing only, none is needed to run Python.
grep -vE '^(perl|libperl|cdebconf|debconf|dpkg|gawk|mawk|original-awk|libnewt|libslang)' ../wanted |
    xargs apt-get -qq -o APT::Sandbox::User=root download

cd "$folder/root"
mkdir -p usr/bin usr/sbin usr/lib usr/lib64
ln -s usr/bin usr/sbin usr/lib usr/lib64 .
for package in ../packages/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink
done
mkdir -p etc/ssl/certs tmp
chmod 1777 tmp
ln -s dash usr/bin/sh 2>/dev/null || true
cat usr/share/ca-certificates/mozilla/*.crt > etc/ssl/certs/ca-certificates.crt
printf 'root:x:0:0:root:/root:/bin/sh\n' > etc/passwd
printf 'root:x:0:\n' > etc/group
rm -rf usr/share/doc/*/changelog* usr/share/man usr/share/locale
ldconfig -r .

container=$(buildah from scratch)
buildah add --quiet "$container" . / >/dev/null
buildah config --env PATH=/usr/local/bin:/usr/bin:/bin "$container"
buildah commit --quiet --rm "$container" "$name" >/dev/null
