#!/bin/sh
# SPDX-License-Identifier: MIT
# make install DESTDIR= prefix=: programs find their parts, a stranger's program compiles against the headers alone.
. "$(dirname "$0")/common.sh"
root=$work/root
run ${MAKE:-make} --no-print-directory install DESTDIR="$root" prefix=/opt/akida
expect "make install" 0
[ "$rc" -eq 0 ] || exit 1
run "$root/opt/akida/bin/akida" info; expect "the installed program finds the toolchain" 0 '^Toolchain: installed'
run "$root/opt/akida/bin/cnn2snn" version; expect "the installed links" 0 '^[0-9]'
for f in share/man/man1/akida.1 share/man/man1/akida-bench.1 lib/pkgconfig/akida.pc include/akida/akida.h lib/libakida.a; do
	[ -s "$root/opt/akida/$f" ] && ok "installs $f" || not_ok "installs $f"
done
outside=$(find "$root" -type f ! -path "$root/opt/akida/*")
[ -z "$outside" ] && ok "nothing outside the prefix" || not_ok "nothing outside the prefix: $outside"
if [ -f "$model" ]; then
	run "$root/opt/akida/bin/akida-bench" --data digits --frames 10; expect "the installed bench finds its model" 0 '^Accuracy: '
fi
cat > "$work/user.c" <<'C'
#include <akida/akida.h>
#include <akida/toolchain.h>
#include <stdio.h>
int main(void)
{
	for (const char *const *n = akida_device_names(); *n; n++)
		puts(*n);
	return 0;
}
C
run ${CC:-gcc} -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$root/opt/akida/include" -o "$work/user" "$work/user.c" \
	-L"$root/opt/akida/lib" -lakida -Wl,-rpath,"$root/opt/akida/lib"
expect "a program of C11 compiles against the installed headers" 0
run "$work/user"; expect "and runs" 0 '^virtual:akd1000$'
run ${CC:-gcc} -std=c11 -I"$root/opt/akida/include" -o "$work/user-static" "$work/user.c" "$root/opt/akida/lib/libakida.a" -lm
expect "and links statically" 0
if command -v g++ > /dev/null; then
	run g++ -std=c++17 -Wall -Wextra -Werror -x c++ -I"$root/opt/akida/include" -o "$work/user++" "$work/user.c" \
		-L"$root/opt/akida/lib" -lakida -Wl,-rpath,"$root/opt/akida/lib"
	expect "a program of C++ compiles and links" 0
else
	skip "a program of C++" "g++ is not installed"
fi
for h in "$root"/opt/akida/include/akida/*.h; do
	echo "#include <akida/$(basename "$h")>" | ${CC:-gcc} -std=c11 -Wall -Werror -fsyntax-only -x c -I"$root/opt/akida/include" - 2> "$work/err" ||
		not_ok "header $(basename "$h") stands alone"
done
ok "every public header was compiled alone"
exit $status
