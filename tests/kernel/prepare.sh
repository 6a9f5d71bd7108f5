#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Fills $AKIDA_BED (default build/bed, never committed) with what the kernel tests boot: kernels from Debian packages,
# unpacked and not installed. Does nothing for what is there already. The headers of 6.1 are an installed package (deps.sh),
# those of later series are unpacked like their kernels.
#   prepare.sh SERIES...        6.1 6.12 6.1-arm64 newest debug
# Prints a line `kernel SERIES VERSION IMAGE HEADERS` for each that is ready, `missing SERIES: REASON` for each that is not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
bed=${AKIDA_BED:-$(cd "$here/../.." && pwd)/build/bed}
mkdir -p "$bed" && bed=$(cd "$bed" && pwd) || exit 1

# The version of the newest installed headers of a series: the kernel that is booted must be the same one.
headers() { # folder, series, flavour
	find "$1" -maxdepth 1 -name "linux-headers-$2.*-$3" 2> /dev/null | sed 's|.*/linux-headers-||' |
		grep -vE "(rt|cloud|common)" | sort -V | tail -n 1
}

# fetch FOLDER PATTERNS PACKAGE...: downloads, unpacks what matches
fetch() {
	folder=$1 patterns=$2
	shift 2
	(cd "$bed" && apt-get -q -o APT::Sandbox::User=root download "$@" > fetch.log 2>&1) || return 1
	for p in "$@"; do
		for d in "$bed/$p"_*.deb; do
			[ -f "$d" ] || return 1
			# shellcheck disable=SC2086
			dpkg-deb --fsys-tarfile "$d" | tar -x -C "$folder" --wildcards $patterns 2> /dev/null
			rm -f "$d"
		done
	done
}

# Headers and build tools of a series below $bed/SERIES, which also work there: the package's paths are absolute.
unpacked_headers() { # series
	v=$(apt-cache depends "linux-headers-$1-amd64" 2> /dev/null | sed -n 's/.*Depends: linux-headers-\([0-9].*\)/\1/p' | head -n 1)
	[ -n "$v" ] || return 1
	mkdir -p "$bed/$1"
	fetch "$bed/$1" ./usr/ "linux-headers-$v" "linux-headers-${v%-amd64}-common" "linux-kbuild-${v%-amd64}" || return 1
	sed -i "s|/usr/src/|$bed/$1/usr/src/|" "$bed/$1/usr/src/linux-headers-$v/Makefile"
}

for series; do
	case $series in
	debug)
		sh "$here/debug/build.sh" "$bed"
		continue ;;
	newest)
		sh "$here/newest.sh" "$bed"
		continue ;;
	*-arm64)
		v=$(ls "$bed/arm64-headers" 2> /dev/null | sort -V | tail -n 1)
		if [ -z "$v" ]; then
			sh "$here/prepare-arm64.sh" "$bed" > "$bed/arm64.log" 2>&1
			v=$(ls "$bed/arm64-headers" 2> /dev/null | sort -V | tail -n 1)
		fi
		image=$bed/arm64/boot/vmlinuz-$v kdir=$bed/arm64-headers/$v
		[ -n "$v" ] && [ -f "$image" ] || { echo "missing $series: see $bed/arm64.log"; continue; }
		;;
	*)
		src=/usr/src
		v=$(headers $src "$series" amd64)
		if [ -z "$v" ]; then
			src=$bed/$series/usr/src
			v=$(headers "$src" "$series" amd64)
			[ -n "$v" ] || { unpacked_headers "$series" && v=$(headers "$src" "$series" amd64); }
			[ -n "$v" ] || { echo "missing $series: linux-headers-$series-amd64 has no candidate"; continue; }
		fi
		image=$bed/vmlinux-$v kdir=$src/linux-headers-$v
		if [ ! -f "$image" ]; then
			# of the distribution's modules only those that hand a card to user space: ours brings all it uses
			wanted="./boot/vmlinuz-* */kernel/drivers/vfio/* */kernel/virt/lib/irqbypass.ko*"
			fetch "$bed" "$wanted" "linux-image-$v" || fetch "$bed" "$wanted" "linux-image-$v-unsigned" || {
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
	echo "kernel $series $v $image $kdir"
done
