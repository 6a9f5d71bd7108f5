#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# build.sh BED: a kernel of Debian's linux-source-6.1 with kernel.config in BED/debug/build, once: some ten minutes of two
# cores. The source is a downloaded package, unpacked and not installed. Prints one line `kernel debug VERSION IMAGE HEADERS` when it
# is ready, `missing debug: REASON` else.
set -u
here=$(cd "$(dirname "$0")" && pwd)
bed=$1/debug
mkdir -p "$bed" && bed=$(cd "$bed" && pwd) || exit 1
src=$bed/linux-source-6.1 out=$bed/build

give_up() {
	echo "missing debug: $1"
	exit 0
}

if [ ! -f "$out/ready" ] || ! cmp -s "$here/kernel.config" "$out/ready"; then
	if [ ! -f "$src/Makefile" ]; then
		(cd "$bed" && apt-get -q -o APT::Sandbox::User=root download linux-source-6.1) > "$bed/fetch.log" 2>&1 ||
			give_up "linux-source-6.1 cannot be downloaded ($bed/fetch.log)"
		dpkg-deb --fsys-tarfile "$bed"/linux-source-6.1_*.deb | tar -x -O ./usr/src/linux-source-6.1.tar.xz |
			tar -xJ -C "$bed" || give_up "linux-source-6.1 cannot be unpacked"
		rm -f "$bed"/linux-source-6.1_*.deb
	fi
	mkdir -p "$out"
	make -s -C "$src" O="$out" tinyconfig > "$bed/config.log" 2>&1 || give_up "tinyconfig fails ($bed/config.log)"
	cat "$here/kernel.config" >> "$out/.config"
	make -s -C "$src" O="$out" olddefconfig >> "$bed/config.log" 2>&1 || give_up "olddefconfig fails ($bed/config.log)"
	# An option that this kernel drops in silence would be a check that is not there.
	lost=$(sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=[ym].*/\1/p' "$here/kernel.config" | while read -r option; do
		grep -q "^$option=" "$out/.config" || printf ' %s' "$option"
	done)
	[ -z "$lost" ] || give_up "not set:$lost"
	nice -n 10 make -s -C "$src" O="$out" -j"$(nproc)" bzImage modules > "$bed/build.log" 2>&1 ||
		give_up "the kernel does not build ($bed/build.log)"
	cp "$here/kernel.config" "$out/ready"
fi
echo "kernel debug $(cat "$out/include/config/kernel.release") $out/arch/x86/boot/bzImage $out"
