#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Builds akida-qemu.so for LD_PRELOAD into the installed distribution QEMU: fetches the matching source package once,
# configures it (nothing but generated headers is made), then compiles the device and the software NSoC (seconds).
#   build.sh [OUT.so]         default build/kernel/akida-qemu.so, its objects beside it
#   AKIDA_BED                 folder for downloads and headers, default build/bed; trees may share it
# Needs: tests/kernel/prepare.sh lists the packages.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
bed=${AKIDA_BED:-$top/build/bed}
mkdir -p "$bed"
bed=$(cd "$bed" && pwd)
out=${1:-$top/build/kernel/akida-qemu.so}
mkdir -p "$(dirname "$out")"
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")
CC=${CC:-gcc}
v=$(dpkg-query -W -f '${source:Version}' qemu-system-x86)

# apt-get on a private copy of the machine's lists, turned into source lists: the machine's own stay as they are.
apt_src() {
	apt-get -q -o Dir::Etc::sourcelist="$bed/apt/sources.list" -o Dir::Etc::sourceparts="$bed/apt/parts" \
		-o Dir::State::lists="$bed/apt/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o APT::Sandbox::User=root "$@"
}
if [ ! -f "$bed/qemu-src/configure" ]; then
	mkdir -p "$bed/apt/parts" "$bed/apt/lists/partial"
	: > "$bed/apt/sources.list"
	[ ! -f /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list > "$bed/apt/sources.list"
	for f in /etc/apt/sources.list.d/*.sources; do
		grep -q debian "$f" 2> /dev/null || continue
		sed 's/^Types:.*/Types: deb-src/' "$f" > "$bed/apt/parts/$(basename "$f")"
	done
	apt_src update
	(cd "$bed" && apt_src source --download-only "qemu=$v")
	rm -rf "$bed/qemu-src"
	dpkg-source --no-check -x "$bed"/qemu_*.dsc "$bed/qemu-src"
fi
if [ ! -f "$bed/qemu-hdr/.done" ]; then
	rm -rf "$bed/qemu-hdr" && mkdir "$bed/qemu-hdr" && cd "$bed/qemu-hdr"
	"$bed/qemu-src/configure" --target-list=x86_64-softmmu --without-default-features --enable-tcg \
		--enable-fdt=system --disable-install-blobs --disable-docs --meson=/usr/bin/meson \
		--with-git-submodules=ignore > configure.log
	# shellcheck disable=SC2046
	ninja $(ninja -t targets all | sed -n 's/^\(qapi\/[^: ]*\.h\|config-poison\.h\):.*/\1/p') > ninja.log
	touch .done
fi

# Only the registration is meant to be found by QEMU: everything else stays inside the object.
obj=${out%.so}.obj
mkdir -p "$obj"
# A board in a machine needs no compute kernels: layer/ alone.
flags="-O2 -g -fPIC -fvisibility=hidden -ffunction-sections -DNSOC_PLAIN"
cd "$top"
objects=
for f in firmware/nsoc/*.c libakida/layer/cost.c libakida/layer/layer.c libakida/layer/semantics.c; do
	o=$obj/$(echo "$f" | tr / _).o
	if [ ! -f "$o" ] || [ -n "$(find firmware/nsoc libakida/layer driver/core "$here/build.sh" -newer "$o" -type f | head -n 1)" ]; then
		# shellcheck disable=SC2086
		$CC -std=c11 $flags -O3 -Wall -Wextra -D_GNU_SOURCE -Ilibakida/include -Ilibakida -I. -c -o "$o" "$f"
	fi
	objects="$objects $o"
done
# shellcheck disable=SC2046,SC2086
$CC -std=gnu11 -shared -Wl,--gc-sections $flags -Wall -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(pkg-config --cflags glib-2.0) \
	-I"$bed/qemu-hdr" -I"$bed/qemu-src/include" -I"$bed/qemu-src" -isystem "$bed/qemu-src/linux-headers" -I"$top" \
	${CFLAGS:-} -o "$out.new" "$here/akida-qemu.c" "$here/slot.c" $objects -lm
mv "$out.new" "$out"
