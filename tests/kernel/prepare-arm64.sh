#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# prepare-arm64.sh BED: kernel, headers and busybox of Debian's arm64 into BED/arm64, without multiarch on the machine: an
# apt of its own, packages unpacked. The module is built with the machine's own kbuild tools (same source version), which
# is why the amd64 headers of the same version must be installed.
set -eu
bed=$1
apt=$bed/apt-arm64
mkdir -p "$apt/parts" "$apt/lists/partial" "$bed/arm64" "$bed/arm64-headers"
: > "$apt/sources.list"
[ ! -f /etc/apt/sources.list ] || grep '^deb ' /etc/apt/sources.list > "$apt/sources.list" || :
for f in /etc/apt/sources.list.d/*.sources; do
	! grep -q debian "$f" 2> /dev/null || cp "$f" "$apt/parts/"
done
run() {
	tool=$1
	shift
	"$tool" -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State::status=/dev/null \
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/parts" \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o APT::Sandbox::User=root "$@"
}
run apt-get update
image=$(run apt-cache depends linux-image-arm64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
version=${image#linux-image-}
common=/usr/src/linux-headers-${version%-arm64}-common
[ -d "$common" ] || { echo "$common is not installed: amd64 and arm64 are at different versions"; exit 1; }
(cd "$apt" && run apt-get download "$image:arm64" "linux-headers-$version:arm64" busybox-static:arm64)
for d in "$apt"/*.deb; do
	dpkg-deb --fsys-tarfile "$d" | tar -x -C "$bed/arm64" --exclude='./lib/modules/*' --exclude='./usr/share/*'
	rm -f "$d"
done
headers=$bed/arm64/usr/src/linux-headers-$version
for d in scripts tools; do
	[ ! -L "$headers/$d" ] || ln -sfn "/usr/lib/$(basename "$(dirname "$(readlink "$headers/$d")")")/$d" "$headers/$d"
done
ln -sfn "$headers" "$bed/arm64-headers/$version"
