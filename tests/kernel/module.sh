#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# module.sh KERNELVERSION OUT.ko [MAKE ARGUMENT...]: akida.ko for an installed linux-headers package, built in a copy of the
# sources so that several kernels can be built for and nothing lands in the source tree. KDIR overrides the headers' place.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
version=$1 out=$2
shift 2
kdir=${KDIR:-/usr/src/linux-headers-$version}
case $out in /*) ;; *) out=$PWD/$out ;; esac
build=$out.build
mkdir -p "$build/driver" "$build/uapi"
cd "$top"
# Only what differs is copied, so that a second run compiles what changed.
for f in Kbuild $(find driver uapi -name '*.[ch]' -o -name Kbuild); do
	mkdir -p "$build/$(dirname "$f")"
	cmp -s "$f" "$build/$f" || cp "$f" "$build/$f"
done
make -s -C "$kdir" M="$build" "$@" modules
cp "$build/akida.ko" "$out"
