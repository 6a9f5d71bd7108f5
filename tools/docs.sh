#!/bin/sh
# SPDX-License-Identifier: MIT
# Tables of the documentation that the sources know better: docs.sh encodings | rules. make docs writes them, make lint
# compares.
set -eu
CC=${CC:-gcc}
case ${1:-} in
encodings)
	echo "# Encoding rules"
	echo
	echo "How each kind of layer stands in configuration packets, and how sure that is: *verified* (decoded from"
	echo "vendor-compiled programs and shown to work), *derived* (from public names and documents), *provisional* (ours, where"
	echo "nothing is public). A mapped layer carries the weakest tag of the rules it uses. Written by \`make docs\` from"
	echo "\`libakida/layer/encoding.h\`."
	echo
	echo "| Rule | Tag | What |"
	echo "|---|---|---|"
	printf '#include "layer/encoding.h"\n#define ROW(sym, id, tag, text) @ROW id @ #tag @ text @END\nAK_ENCODING_RULES(ROW)\n' |
		$CC -E -P -Ilibakida/include -Ilibakida -I. -x c - | tr '\n' ' ' | sed 's/@END/@END\n/g' |
		sed -n 's/.*@ROW "\([^"]*\)" @ "\([A-Z]*\)" @ \(.*\) @END$/\1|\2|\3/p' |
		sed -e 's/" *"//g' | while IFS='|' read -r id tag text; do
			text=${text#\"}
			echo "| \`$id\` | $(echo "$tag" | tr 'A-Z' 'a-z') | ${text%\"} |"
		done ;;
rules)
	echo "# Rule ids of errors"
	echo
	echo "Every refusal names one of these, in parentheses at its end. Written by \`make docs\` from"
	echo "\`libakida/base/rules.def\`."
	echo
	echo "| Rule | Meaning |"
	echo "|---|---|"
	tr '\n' ' ' < libakida/base/rules.def | sed 's/RULE(/\nRULE(/g' |
		sed -n 's/^RULE([A-Z0-9_]*, *"\([^"]*\)", *\(".*"\)).*/\1|\2/p' | sed -e 's/" *"//g' |
		while IFS='|' read -r id text; do
			text=${text#\"}
			echo "| \`$id\` | ${text%\"} |"
		done ;;
*)
	echo "usage: docs.sh encodings|rules" >&2
	exit 2 ;;
esac
