#!/bin/sh
# SPDX-License-Identifier: MIT
# make dkms-tree and make module-install without a kernel: what they stage, and which kernels DKMS would leave out.
. "$(dirname "$0")/common.sh"
MAKE=${MAKE:-make}

run "$MAKE" --no-print-directory B="$work/b" dkms-tree
expect "make dkms-tree" 0
tree=$(ls -d "$work/b/dkms"/akida-*)
missing=
for f in Kbuild dkms.conf uapi/akida.h driver/akida_drv.c driver/core/core.h LICENSES/GPL-2.0-only.txt; do
	[ -s "$tree/$f" ] || missing="$missing $f"
done
for o in $(sed -n 's/\\$//; s/^akida-y :=//p; s/^\t//p' "$tree/Kbuild"); do
	[ -s "$tree/${o%.o}.c" ] || missing="$missing ${o%.o}.c"
done
if [ -z "$missing" ]; then ok "the tree is complete"; else not_ok "the tree lacks$missing"; fi
if grep -q '@' "$tree/dkms.conf"; then not_ok "dkms.conf is filled in"; else ok "dkms.conf is filled in"; fi

BUILD_EXCLUSIVE_KERNEL=
eval "$(grep '^BUILD_EXCLUSIVE_KERNEL=' "$tree/dkms.conf")"
wrong=
for v in 6.1.0-56-amd64 6.12.117+deb12-amd64 6.10.0 7.2.12 10.0.1; do
	echo "$v" | grep -qE "$BUILD_EXCLUSIVE_KERNEL" || wrong="$wrong $v"
done
for v in 4.19.0-27-amd64 5.10.0-30-amd64 5.15.0-91-generic 6.0.3; do
	echo "$v" | grep -qE "$BUILD_EXCLUSIVE_KERNEL" && wrong="$wrong $v"
done
if [ -z "$wrong" ]; then ok "kernels before 6.1 are left out, others not"; else not_ok "wrong kernels:$wrong"; fi

mkdir -p "$work/b"
echo module > "$work/b/akida.ko"
run "$MAKE" --no-print-directory B="$work/b" KVER=6.1.0-test KDIR="$work" DESTDIR="$work/root" MODULE=staged module-install
expect "make module-install" 0
missing=
for f in lib/modules/6.1.0-test/updates/akida.ko usr/lib/udev/rules.d/60-akida.rules usr/lib/sysusers.d/akida.conf \
	etc/modprobe.d/akida.conf; do
	[ -s "$work/root/$f" ] || missing="$missing $f"
done
if [ -z "$missing" ]; then ok "module-install puts everything below DESTDIR"; else not_ok "module-install lacks$missing"; fi
run "$MAKE" --no-print-directory B="$work/b" KVER=0.0.0-none KDIR= module
expect "make module without headers says which package" 2 'install linux-headers-0.0.0-none'
exit $status
