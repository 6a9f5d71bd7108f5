#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# module.sh KERNELVERSION OUT.ko [MAKE ARGUMENT...]: akida.ko for an installed linux-headers package, built in a copy of the
# sources so that several kernels can be built for and nothing lands in the source tree. KDIR overrides the headers' place;
# headers inside a chroot (newest.sh, a folder that has a file `ready`) are used in there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
version=$1 out=$2
shift 2
kdir=${KDIR:-/usr/src/linux-headers-$version}
case $out in /*) ;; *) out=$PWD/$out ;; esac
build=$out.build
root=${kdir%/usr/src/*}
if [ "$root" != "$kdir" ] && [ -f "$root/ready" ]; then build=$root/akida; else root=; fi
mkdir -p "$build/driver" "$build/uapi"
cd "$top"
# Only what differs is copied, so that a second run compiles what changed.
for f in Kbuild $(find driver uapi -name '*.[ch]' -o -name Kbuild); do
	mkdir -p "$build/$(dirname "$f")"
	cmp -s "$f" "$build/$f" || cp "$f" "$build/$f"
done
if [ -n "$root" ]; then
	unshare --mount sh -c 'mount -t proc proc "$1/proc"; r=$1; shift; exec chroot "$r" make "$@"' sh "$root" \
		-s -C "${kdir#"$root"}" M=/akida "$@" modules
else
	make -s -C "$kdir" M="$build" "$@" modules
fi
cp "$build/akida.ko" "$out"
