#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# boot.sh KERNEL INITRAMFS [QEMU OPTION...]: one run under TCG with both boards, each behind a root port of its own.
# The console goes to standard output. Exit status: 0 the guest says `BED exit=0`, 1 it says something else, 2 it never
# started its init (infrastructure, not a result), 124 time-out.
#   ARCH      x86_64 (default) or aarch64
#   BOARD_SO  device model to preload (firmware/qemu/build.sh)
#   DEV, DEV0, DEV1   properties of both boards, of the AKD1000, of the AKD1500: ",lost-irq=1"
#   APPEND    more kernel parameters
#   IOMMU=1   with an IOMMU and interrupt remapping
#   LIMIT     seconds, default 180
set -u
kernel=$1 initramfs=$2
shift 2
arch=${ARCH:-x86_64}
APPEND=${APPEND:-}
case $arch in
x86_64)
	console=ttyS0 machine=q35 cpu=qemu64 iommu= hotplug="-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"
	if [ -n "${IOMMU:-}" ]; then
		machine=q35,kernel-irqchip=split
		iommu="-device intel-iommu,intremap=on"
		APPEND="intel_iommu=on $APPEND"
	fi ;;
aarch64)
	console=ttyAMA0 machine=virt,gic-version=3 cpu=cortex-a72 iommu= hotplug=
	[ -z "${IOMMU:-}" ] || machine=$machine,iommu=smmuv3 ;;
*)
	echo "boot.sh: ARCH=$arch" >&2
	exit 1 ;;
esac
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Hotplug by the ports' own registers, as on boards, not by ACPI.
# no_timer_check: on a busy host the IO-APIC timer check panics under TCG. The preload must reach QEMU only.
# shellcheck disable=SC2086
{
	timeout -k 5 "${LIMIT:-180}" env LD_PRELOAD="$BOARD_SO" "${QEMU:-qemu-system-$arch}" \
		-accel tcg,thread=multi -machine "${MACHINE:-$machine}" -cpu "${CPU:-$cpu}" -m "${MEM:-1024}" \
		-smp "${SMP:-2}" $iommu $hotplug -nodefaults -no-user-config -display none -no-reboot -serial stdio \
		-device pcie-root-port,id=rp0,chassis=1,slot=1 -device pcie-root-port,id=rp1,chassis=2,slot=2 \
		-device "akida-akd1000,id=card0,bus=rp0${DEV:-}${DEV0:-}" -device "akida-akd1500,id=card1,bus=rp1${DEV:-}${DEV1:-}" \
		-kernel "$kernel" -initrd "$initramfs" \
		-append "console=$console panic=-1 oops=panic quiet no_timer_check $APPEND" "$@" < /dev/null 2>&1 ||
		echo "BED qemu=$?"
} | tr -d '\r' | tee "$log"
grep -q '^BED exit=0' "$log" && exit 0
grep -q '^BED qemu=124' "$log" && exit 124
grep -q '^BED boot=' "$log" || exit 2
exit 1
