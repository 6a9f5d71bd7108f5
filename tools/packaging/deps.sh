#!/bin/sh
# SPDX-License-Identifier: MIT
# What building and testing need, found by looking (not by asking a package manager), installed with apt on request.
#   deps.sh list|need|install GROUP...      groups: build uring toolchain data mpi test arm bench kernel kernel-arm64 kernel-debug kernel-newest
# list prints the missing Debian packages; need fails with them; install gets them without questions.
set -u
CC=${CC:-gcc} # may be two words: ccache gcc

# package, kind of proof, proof
groups() {
	case $1 in
	build) echo "gcc cmd gcc
libc6-dev hdr stdio.h
binutils cmd ar" ;;
	uring) echo "liburing-dev hdr liburing.h" ;;
	toolchain) echo "libhdf5-dev hdr hdf5.h
libcjson-dev hdr cjson/cJSON.h
libzip-dev hdr zip.h
zlib1g-dev hdr zlib.h
libdnnl-dev hdr oneapi/dnnl/dnnl.h
libprotobuf-c-dev hdr protobuf-c/protobuf-c.h
protobuf-c-compiler cmd protoc-c
libonnx-dev file /usr/include/onnx/onnx.proto
libsnappy-dev hdr snappy-c.h" ;;
	data) echo "libjpeg62-turbo-dev hdr-after-stdio jpeglib.h
libpng-dev hdr png.h
libsndfile1-dev hdr sndfile.h
libkissfft-dev hdr kissfft/kiss_fftr.h
libexpat1-dev hdr expat.h" ;;
	mpi) echo "libopenmpi-dev cmd mpicc
openmpi-bin cmd mpirun" ;;
	test) echo "libcmocka-dev cmocka cmocka.h
clang cmd clang
clang-format cmd clang-format
sparse cmd sparse
python3 cmd python3
python3-numpy py numpy
python3-h5py py h5py
git cmd git" ;;
	bench) echo "libdnnl-dev hdr oneapi/dnnl/dnnl.h
libxnnpack-dev hdr xnnpack.h
libpthreadpool-dev hdr pthreadpool.h" ;;
	arm) echo "gcc-aarch64-linux-gnu cmd aarch64-linux-gnu-gcc
libc6-dev-arm64-cross file /usr/aarch64-linux-gnu/include/stdio.h
qemu-user-static cmd qemu-aarch64-static" ;;
	kernel) echo "qemu-system-x86 cmd qemu-system-x86_64
busybox-static cmd busybox
cpio cmd cpio
kmod cmd modinfo
xz-utils cmd xz
dwarves cmd pahole
zstd cmd zstd
linux-headers-amd64 pkg linux-headers-amd64
dpkg-dev cmd dpkg-source
meson cmd meson
ninja-build cmd ninja
python3-venv pkg python3-venv
pkg-config cmd pkg-config
libglib2.0-dev file /usr/include/glib-2.0/glib.h
libpixman-1-dev file /usr/include/pixman-1/pixman.h
libfdt-dev hdr libfdt.h
gcc-i686-linux-gnu cmd i686-linux-gnu-gcc
libc6-dev-i386-cross file /usr/i686-linux-gnu/include/stdio.h" ;;
	kernel-arm64) echo "qemu-system-arm cmd qemu-system-aarch64
gcc-aarch64-linux-gnu cmd aarch64-linux-gnu-gcc
libc6-dev-arm64-cross file /usr/aarch64-linux-gnu/include/stdio.h" ;;
	kernel-debug) echo "bc cmd bc
flex cmd flex
bison cmd bison
lz4 cmd lz4
libelf-dev hdr libelf.h" ;;
	kernel-newest) echo "debootstrap cmd debootstrap" ;;
	*) echo "deps.sh: unknown group $1" >&2; exit 2 ;;
	esac
}

present() {
	case $1 in
	cmd) command -v "$2" >/dev/null 2>&1 ;;
	pkg) dpkg-query -W -f '${Status}' "$2" 2>/dev/null | grep -q 'ok installed' ;;
	file) [ -e "$2" ] ;;
	hdr) echo "#include <$2>" | $CC -E -I/usr/include/hdf5/serial -x c - >/dev/null 2>&1 ;;
	hdr-after-stdio) printf '#include <stdio.h>\n#include <%s>\n' "$2" | $CC -E -x c - >/dev/null 2>&1 ;;
	cmocka) printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <cmocka.h>\n' |
		$CC -E -x c - >/dev/null 2>&1 ;;
	py) python3 -c "import $2" >/dev/null 2>&1 || /usr/bin/python3 -c "import $2" >/dev/null 2>&1 ;;
	esac
}

missing() {
	for g in "$@"; do
		groups "$g" | while read -r pkg kind proof; do
			present "$kind" "$proof" || printf ' %s' "$pkg"
		done
	done
}

mode=$1
shift
lack=$(missing "$@") || exit 2
lack=${lack# }
case $mode in
list) [ -z "$lack" ] || echo "$lack" ;;
need)
	[ -z "$lack" ] && exit 0
	echo "missing packages: $lack" >&2
	echo "make deps installs them" >&2
	exit 1 ;;
install)
	[ -z "$lack" ] && exit 0
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "missing (names as on Debian 12): $lack; no apt-get here, please install them" >&2
		exit 1
	fi
	if [ "$(id -u)" = 0 ]; then
		as=
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		as="sudo -n"
	else
		echo "missing packages: $lack" >&2
		echo "as root: apt-get install --no-install-recommends $lack" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt() { $as env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" </dev/null; }
	lists=$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)
	[ -n "$lists" ] || apt update || exit 1
	echo "installing: $lack"
	# shellcheck disable=SC2086
	apt install --no-install-recommends $lack || { apt update && apt install --no-install-recommends $lack; } || exit 1
	still=$(missing "$@")
	[ -z "$still" ] || { echo "still missing after installing:$still" >&2; exit 1; } ;;
*)
	echo "usage: deps.sh list|need|install GROUP..." >&2
	exit 2 ;;
esac
