#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-format on user space (driver/ follows the kernel's own style). make format repairs.
set -u
if ! command -v clang-format > /dev/null; then
	[ -n "${CI:-}" ] && { echo "not ok lint format: clang-format is not installed"; exit 1; }
	echo "skip lint format: clang-format is not installed"
	exit 0
fi
bad=
for f in $(find libakida tools firmware tests -name '*.[ch]'); do
	clang-format --dry-run -Werror "$f" > /dev/null 2>&1 || bad="$bad $f"
done
if [ -n "$bad" ]; then
	echo "make format would change:$bad"
	echo "not ok lint format"
	exit 1
fi
echo "ok lint format"
