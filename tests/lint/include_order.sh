#!/bin/sh
# SPDX-License-Identifier: MIT
# Who may include whom, from the folder lists that build the libraries: a folder sees itself and what stands left of it.
# Runtime never includes toolchain; device/ alone sees driver/core, firmware/nsoc and uapi/; tools see akida/*.h only.
set -u
runtime=$(make -s print-RUNTIME_DIRS) toolchain=$(make -s print-TOOLCHAIN_DIRS)
bad=0

# The folders a toolchain folder may see besides base and itself: not a line but two branches.
allowed_of() {
	case $1 in
	base) echo "" ;;
	graph) echo "base" ;;
	import) echo "base graph" ;;
	quant) echo "base graph layer program" ;;
	train) echo "base graph import quant" ;;
	snn) echo "base graph import quant train" ;;
	convert) echo "base graph layer program" ;;
	map) echo "base graph layer program convert" ;;
	*) # runtime: everything to the left
		left=
		for d in $runtime; do
			[ "$d" = "$1" ] && break
			left="$left $d"
		done
		echo "$left" ;;
	esac
}

complain() {
	echo "$1: includes $2: $3"
	bad=1
}

for d in $runtime $toolchain; do
	[ -d "libakida/$d" ] || continue
	allowed=" $d $(allowed_of "$d") "
	for f in $(find "libakida/$d" -name '*.[ch]'); do
		for inc in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$f"); do
			top=${inc%%/*}
			case $inc in
			driver/core/*|firmware/nsoc/*|uapi/*)
				[ "$d" = device ] || complain "$f" "$inc" "only device/ may" ;;
			driver/*|firmware/*|tools/*|tests/*) complain "$f" "$inc" "outside the library" ;;
			akida/*|*.def) ;;
			*/*)
				case " $runtime $toolchain " in
				*" $top "*) ;;
				*) [ -f "$(dirname "$f")/$inc" ] || complain "$f" "$inc" "is no folder of the library"
				   continue ;;
				esac
				case $allowed in
				*" $top "*) ;;
				*) complain "$f" "$inc" "$d may see:$(echo "$allowed" | tr -s ' ')" ;;
				esac ;;
			esac
		done
	done
done

for f in $(find firmware/nsoc -name '*.[ch]'); do
	for inc in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$f"); do
		case $inc in
		layer/*|kernels/*|nsoc/*|firmware/nsoc/*|driver/core/*regs*|driver/core/types.h) ;;
		*/*) complain "$f" "$inc" "the software NSoC sees layer/, kernels/ and the register headers" ;;
		esac
	done
done

for f in $(find driver/core -name '*.[ch]'); do
	for inc in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]\([^">]*\)[">].*/\1/p' "$f"); do
		case $inc in
		linux/*|std*.h|errno.h|limits.h|string.h|driver/core/*) ;;
		*/*) complain "$f" "$inc" "the protocol core is freestanding" ;;
		*.h) [ -f "driver/core/$inc" ] || complain "$f" "$inc" "the protocol core is freestanding" ;;
		esac
	done
done

for f in $(find tools -name '*.[ch]'); do
	for inc in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$f"); do
		case $inc in
		common/*|akida-bench/*|akida/commands.h) ;;
		*) complain "$f" "$inc" "tools see <akida/...> and their own headers" ;;
		esac
	done
done
[ $bad -eq 0 ] && echo "ok lint include order"
[ $bad -ne 0 ] && echo "not ok lint include order"
exit $bad
