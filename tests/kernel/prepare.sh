#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Fills $AKIDA_BED (default build/bed, never committed) with what the kernel tests boot: kernels from Debian packages,
# unpacked and not installed. Does nothing for what is there already. The headers to build the module against are
# installed packages (packages.sh).
#   prepare.sh SERIES...        6.1 6.12 6.1-arm64
# Prints a line `kernel SERIES VERSION IMAGE` for each that is ready, `missing SERIES: REASON` for each that is not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
bed=${AKIDA_BED:-$(cd "$here/../.." && pwd)/build/bed}
mkdir -p "$bed" && bed=$(cd "$bed" && pwd) || exit 1

# The version of the newest installed headers of a series: the kernel that is booted must be the same one.
headers() { # series flavour
	find /usr/src -maxdepth 1 -name "linux-headers-$1.*-$2" 2> /dev/null | sed 's|.*/linux-headers-||' |
		grep -vE "(rt|cloud|common)" | sort -V | tail -n 1
}

fetch() { # package...: downloads and unpacks below $bed
	(cd "$bed" && apt-get -q -o APT::Sandbox::User=root download "$@" > fetch.log 2>&1) || return 1
	for p in "$@"; do
		for d in "$bed/${p%%:*}"_*.deb; do
			[ -f "$d" ] || return 1
			# the modules of the distribution are not needed: ours brings all it uses
			dpkg-deb --fsys-tarfile "$d" | tar -x -C "$bed" --wildcards './boot/*' './usr/bin/busybox' './bin/busybox' \
				2> /dev/null
			rm -f "$d"
		done
	done
}

for series; do
	case $series in
	*-arm64)
		v=$(ls "$bed/arm64-headers" 2> /dev/null | sort -V | tail -n 1)
		if [ -z "$v" ]; then
			sh "$here/prepare-arm64.sh" "$bed" > "$bed/arm64.log" 2>&1
			v=$(ls "$bed/arm64-headers" 2> /dev/null | sort -V | tail -n 1)
		fi
		image=$bed/arm64/boot/vmlinuz-$v
		[ -n "$v" ] && [ -f "$image" ] || { echo "missing $series: see $bed/arm64.log"; continue; }
		;;
	*)
		v=$(headers "$series" amd64)
		[ -n "$v" ] || { echo "missing $series: linux-headers-$series*-amd64 is not installed"; continue; }
		image=$bed/vmlinux-$v
		if [ ! -f "$image" ]; then
			[ -f "$bed/boot/vmlinuz-$v" ] || fetch "linux-image-$v" || fetch "linux-image-$v-unsigned" || {
				echo "missing $series: linux-image-$v cannot be downloaded ($bed/fetch.log)"
				continue
			}
			python3 "$here/unpack.py" "$bed/boot/vmlinuz-$v" "$image.new" && mv "$image.new" "$image" || {
				echo "missing $series: $bed/boot/vmlinuz-$v cannot be unpacked"
				continue
			}
		fi
		;;
	esac
	echo "kernel $series $v $image"
done
