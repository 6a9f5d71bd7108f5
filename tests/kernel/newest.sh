#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# newest.sh BED: the newest kernel of Debian's backports, whose build tools need a Debian of their own: a chroot in BED/newest,
# made once by debootstrap (root, some 0.7 GB). Prints a line like prepare.sh; module.sh builds inside.
set -u
here=$(cd "$(dirname "$0")" && pwd)
bed=$1
root=$bed/newest
suite=trixie

give_up() {
	echo "missing newest: $1"
	exit 0
}

inside() { # /proc for objtool, in a mount namespace that ends with the command
	unshare --mount sh -c 'mount -t proc proc "$1/proc"; r=$1; shift; exec chroot "$r" "$@"' sh "$root" "$@"
}

if [ ! -f "$root/ready" ]; then
	[ "$(id -u)" = 0 ] || give_up "a chroot needs root"
	command -v debootstrap > /dev/null || give_up "debootstrap is not installed"
	mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null |
		grep -oE 'https?://[^ ]+/debian/?( |$)' | tr -d ' ' | head -n 1)
	[ -n "$mirror" ] || give_up "no Debian mirror in /etc/apt"
	rm -rf "$root"
	debootstrap --variant=minbase --include=gcc,make,kmod,xz-utils,zstd "$suite" "$root" "$mirror" > "$bed/newest.log" 2>&1 ||
		give_up "debootstrap $suite fails ($bed/newest.log)"
	echo "deb $mirror $suite-backports main" > "$root/etc/apt/sources.list.d/backports.list"
	{
		inside apt-get -q update &&
			inside apt-get -q -y --no-install-recommends install -t "$suite-backports" linux-headers-amd64
	} >> "$bed/newest.log" 2>&1 || give_up "no kernel in $suite-backports ($bed/newest.log)"
	touch "$root/ready"
fi
v=$(find "$root/usr/src" -maxdepth 1 -name 'linux-headers-*-amd64' | sed 's|.*/linux-headers-||' | sort -V | tail -n 1)
[ -n "$v" ] || give_up "no headers in $root/usr/src"
image=$bed/vmlinux-$v
if [ ! -f "$image" ]; then
	mkdir -p "$bed/boot"
	for p in "linux-binary-$v" "linux-image-$v"; do # where the image is, from 7.0 on and before
		inside sh -c "cd /tmp && apt-get -q -o APT::Sandbox::User=root download $p" >> "$bed/newest.log" 2>&1 || continue
		dpkg-deb -x "$root/tmp/$p"_*.deb "$root/tmp/image"
		find "$root/tmp/image" -type f -name "vmlinuz*" -exec cp {} "$bed/boot/vmlinuz-$v" \;
		rm -rf "$root/tmp/$p"_*.deb "$root/tmp/image"
		[ ! -f "$bed/boot/vmlinuz-$v" ] || break
	done
	[ -f "$bed/boot/vmlinuz-$v" ] || give_up "linux-image-$v cannot be downloaded ($bed/newest.log)"
	python3 "$here/unpack.py" "$bed/boot/vmlinuz-$v" "$image.new" && mv "$image.new" "$image" ||
		give_up "$bed/boot/vmlinuz-$v cannot be unpacked"
fi
echo "kernel newest $v $image $root/usr/src/linux-headers-$v"
