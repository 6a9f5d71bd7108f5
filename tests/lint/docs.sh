#!/bin/sh
# SPDX-License-Identifier: MIT
# Documentation agrees with the sources: generated tables, options in the manual pages, links, commands of the README.
set -u
B=${B:-build}
status=0
result() {
	if [ -n "$2" ]; then echo "$2"; echo "not ok lint docs: $1"; status=1; else echo "ok lint docs: $1"; fi
}
for t in encodings rules; do
	out=$(sh tools/docs.sh $t | diff - docs/$t.md > /dev/null || echo "docs/$t.md is old: make docs")
	result "table of $t" "$out"
done
options() { # sources
	sed -n 's/^[[:space:]]*{"\(-[^"]*\)", OPTION_[A-Z]*.*/\1/p' "$@" | tr ' ' '\n' | sort -u
}
# What the vendor's names of akida take is in pages of their own.
page() {
	more=
	[ "$1" != tools/man/akida.1 ] || more="tools/man/quantizeml.1 $(ls tools/man/cnn2snn.1 2> /dev/null)"
	# shellcheck disable=SC2086
	sed 's/\\-/-/g; s/\\f[A-Z]//g' "$1" $more
}
absent=$(sed -n 's/^[[:space:]]*{"\(-[^"]*\)", OPTION_ABSENT.*/\1/p' tools/akida/*.c tools/akida-bench/*.c | tr ' ' '\n')
for p in akida akida-bench; do
	out=$(for o in $(options tools/$p/*.c); do
		echo "$absent" | grep -qx -e "$o" && continue
		case $o in -m|--model|-d|--device|-s|--save|--save_name|-i|--input|-o|--output|--akida|-ak) o=${o%%--*}; [ -n "$o" ] || continue ;; esac
		page tools/man/$p.1 | grep -qE -e "(^|[^a-z-])$o([^a-z_-]|\$)" || echo "tools/man/$p.1 lacks $o"
	done)
	result "options of $p are in its page" "$out"
done
out=$(for f in README.md docs/*.md; do
	grep -oE '\]\([^)#:]+\)' "$f" | tr -d '()]' | while read -r l; do
		[ -e "$(dirname "$f")/$l" ] || echo "$f: link to $l leads nowhere"
	done
done)
result "links" "$out"
out=$(sed -n 's/^akida \([a-z]*\) .*/\1/p' README.md | sort -u | while read -r c; do
	"$B/bin/akida" help | grep -qE "^  $c " || echo "README.md: akida $c is no command"
done)
result "commands of the README" "$out"
out=$(for d in driver firmware libakida tools tests; do
	[ -f $d/README.md ] || { echo "$d/README.md is missing"; continue; }
	n=$(wc -l < $d/README.md)
	[ "$n" -le 60 ] || echo "$d/README.md: $n lines are more than a screen"
done)
result "folder pages" "$out"
v=$(sed -n 's/.*AKIDA_VERSION "\(.*\)"/\1/p' libakida/include/akida/version.h)
out=$(grep -L "akida $v" tools/man/*.1; grep -q "^## $v" CHANGELOG.md || echo "CHANGELOG.md has no section $v")
result "one version" "$out"
exit $status
