#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What is documented is what is there: help, man pages and completion against the tools' own tables.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	tools=("$PT_BUILD"/bin/pt-*)
	[ -x "${tools[0]}" ]
}

@test "make install leaves out nothing of etc but the tuning profiles, which are in pt-tune" {
	make -n install DESTDIR=/nowhere BUILD="${PT_BUILD#"$PWD"/}" >"$BATS_TEST_TMPDIR/install"
	for file in etc/* etc/*/*; do
		[ -f "$file" ] || continue
		if [[ $file == etc/tune/* ]]; then
			grep -q "\"$file\"" lib/tune/shipped.c
		else
			grep -q " $file " "$BATS_TEST_TMPDIR/install"
		fi
	done
}

@test "every tool prints help and version on stdout, exit 0" {
	for tool in "${tools[@]}"; do
		name=$(basename "$tool")
		"$tool" --version 2>/dev/null | grep -Eq "^$name [0-9]+\.[0-9]+\.[0-9]+$"
		help=$("$tool" --help 2>/dev/null)
		for verb in $("$tool" --words | awk 'NF == 1'); do
			echo "$name $verb"
			grep -Eq "^  $verb +[A-Z].{10}" <<<"$help"
			"$tool" "$verb" --help 2>/dev/null | grep -q -- --version
		done
	done
}

@test "a wrong verb or option exits 64 and names the valid words" {
	for tool in "${tools[@]}"; do
		name=$(basename "$tool")
		verb=$("$tool" --words | awk 'NF == 1' | head -n 1)
		run "$tool" "${verb}x"
		[ "$status" -eq 64 ]
		[[ $output == "$name: unknown verb '${verb}x': one of"*" $verb"* ]]
		run "$tool" "$verb" --no-such-option
		[ "$status" -eq 64 ]
		[[ $output == "$name: $verb: unknown option '--no-such-option': one of"*"--help"* ]]
		run "$tool"
		[ "$status" -eq 64 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "every verb and every option stands in the tool's man page" {
	for tool in "${tools[@]}"; do
		name=$(basename "$tool")
		[ -e "man/$name.8" ] || { echo "man/$name.8 is missing"; false; }
		page=$(mandoc -T ascii "man/$name.8" | col -b)
		while read -r verb option; do
			echo "$name $verb $option"
			if [ -z "$option" ]; then
				grep -qw -- "$verb" <<<"$page"
			else
				grep -qw -e "$option" <<<"$page"
			fi
		done < <("$tool" --words)
	done
}

@test "man pages are clean and name their own tool" {
	for page in man/*.[1-8]; do
		mandoc -Tlint -Wwarning "$page"
		name=$(basename "${page%.*}")
		grep -Eq "^\.Nm $name( |$)" "$page"
	done
}

@test "bash completes verbs and a verb's options" {
	for tool in "${tools[@]}"; do
		verb=$("$tool" --words | awk 'NF == 1' | head -n 1)
		got=$(bash -c '
			. completions/patronus.bash
			COMP_WORDS=("$1" "'"${verb:0:2}"'") COMP_CWORD=1
			_patronus "$1" "'"${verb:0:2}"'" "$1"
			printf "%s\n" "${COMPREPLY[@]}"
			COMP_WORDS=("$1" "'"$verb"'" --he) COMP_CWORD=2
			_patronus "$1" --he "'"$verb"'"
			printf "%s\n" "${COMPREPLY[@]}"' _ "$tool")
		grep -qx -- "$verb" <<<"$got"
		grep -qx -- --help <<<"$got"
	done
}

@test "the files in examples are good, and fit together" {
	dir=$(mktemp -d)
	for name in config network; do
		sed -n "/^\\.Sh EXAMPLES/,/^\\.Ed/p" "man/patronus-$name.5" |
			sed -n '/^\.Bd -literal/,/^\.Ed/{/^\./!p}' >"$dir/$name.yaml"
		[ -s "$dir/$name.yaml" ]
	done
	for network in "$dir" etc; do
		"$PT_BUILD/bin/pt-select" check --config "$dir/config.yaml" --network "$network/network.yaml"
	done
	for config in etc/config.yaml etc/profiles/*; do
		{ echo "edge: east-edge"; cat "$config"; } >"$dir/config.yaml"
		"$PT_BUILD/bin/pt-select" check --config "$dir/config.yaml" --network etc/network.yaml
	done
	rm -r "$dir"
}

@test "the README's two commands are these and no others" {
	[ "$(grep -c '^apt-get update && apt-get install -y make && make deps demo$' README.md)" -eq 1 ]
	[ "$(grep -c '^apt-get update && apt-get install -y make && make deps check$' README.md)" -eq 1 ]
}

@test "install and uninstall put and remove the same files" {
	root=$(mktemp -d)
	make -s install DESTDIR="$root" prefix=/usr BUILD="$PT_BUILD" >/dev/null
	for tool in "${tools[@]}"; do
		cmp "$tool" "$root/usr/bin/$(basename "$tool")"
		[ -e "$root/usr/share/man/man8/$(basename "$tool").8" ]
		[ -e "$root/usr/share/bash-completion/completions/$(basename "$tool")" ]
	done
	make -s uninstall DESTDIR="$root" prefix=/usr BUILD="$PT_BUILD" >/dev/null
	[ -z "$(find "$root" -type f)" ]
	rm -r "$root"
}
