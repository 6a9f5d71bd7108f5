#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# mkinitramfs.sh OUT.cpio.gz MODULE.ko TESTS DATA
# Packs busybox, init, the module, the static test programs in folder TESTS and the files in folder DATA (either may be
# empty). Runs without root: devtmpfs makes the nodes. BUSYBOX and STRIP for another architecture; MODULES: a folder with the
# distribution's modules of this kernel, of which VFIO's go along.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1 module=$2 tests=$3 data=$4
r=$(mktemp -d)
trap 'rm -rf "$r"' EXIT
mkdir -p "$r/bin" "$r/proc" "$r/sys" "$r/dev" "$r/tmp" "$r/mod" "$r/test" "$r/data"
cp "${BUSYBOX:-$(command -v busybox)}" "$r/bin/busybox"
ln -s busybox "$r/bin/sh"
cp "$here/initramfs/init" "$r/init"
chmod +x "$r/init"
if [ -f "$module" ]; then
	cp "$module" "$r/mod/akida.ko"
	"${STRIP:-strip}" --strip-debug "$r/mod/akida.ko"
fi
for m in irqbypass vfio vfio_virqfd vfio_iommu_type1 vfio-pci-core vfio-pci; do
	f=$(find "${MODULES:-/nowhere}" -name "$m.ko" 2> /dev/null | head -n 1)
	[ -z "$f" ] || { mkdir -p "$r/mod/vfio" && cp "$f" "$r/mod/vfio/"; }
done
[ -z "$(ls "$tests" 2> /dev/null)" ] || cp "$tests"/* "$r/test/"
# A dynamic program brings its libraries, and liburing, which libakida looks for when it runs.
for t in "$tests"/*; do
	ldd "$t" 2> /dev/null | sed -n 's|.*[[:space:]]\(/[^ ]*\) (0x.*|\1|p'
done | sort -u > "$r/libraries"
if [ -s "$r/libraries" ]; then
	mkdir -p "$r/lib" "$r/lib64"
	while read -r f; do
		case $f in /lib64/*) cp -L "$f" "$r/lib64/" ;; *) cp -L "$f" "$r/lib/" ;; esac
	done < "$r/libraries"
	f=$(ldconfig -p 2> /dev/null | sed -n 's|.*liburing\.so\.2 .*x86-64.* => ||p' | head -n 1)
	[ -z "$f" ] || cp -L "$f" "$r/lib/"
fi
rm -f "$r/libraries"
[ -z "$(ls "$data" 2> /dev/null)" ] || cp "$data"/* "$r/data/"
(cd "$r" && find . | LC_ALL=C sort | cpio -o -H newc --quiet | gzip -1) > "$out"
