# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A guest with Debian's kernel: the kernel's package, and what an initramfs is made of. Sourced by
# lanes that have set lane (a directory, the kernel stays in it) and root (of the initramfs).

# shellcheck disable=SC2154 # lane, root: the lane's
fetch_kernel() {
	local package
	package=$(apt-cache depends linux-image-amd64 2>/dev/null |
		sed -nE 's/.*Depends: (linux-image-6\.1\.[0-9a-z.-]+-amd64)$/\1/p' | head -n 1)
	[[ -n $package ]] || return 1
	(cd "$lane" && apt-get download "$package" >&2 && dpkg-deb -x "$package"_*.deb kernel && rm -f ./*.deb)
}

# Programs with the libraries they are linked with.
bring() { # DIRECTORY FILE...
	local into=$1 file library
	shift
	mkdir -p "$root/$into"
	for file; do
		cp -L "$file" "$root/$into/"
		while read -r library; do
			mkdir -p "$root${library%/*}"
			cp -Lu "$library" "$root$library"
		done < <(ldd "$file" 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*')
	done
}

# Modules with all that they need, where modprobe looks for them.
bring_modules() { # NAME...
	local base into dep name
	base=$(echo "$lane"/kernel/lib/modules/*)
	into=$root/lib/modules/${base##*/}
	mkdir -p "$into"
	[[ -e $base/modules.dep ]] || depmod -b "$lane/kernel" "${base##*/}"
	for name; do
		grep -m 1 "/$name\.ko:" "$base/modules.dep" | tr -d : | tr ' ' '\n'
	done | sort -u | while read -r dep; do
		[[ -z $dep ]] || install -D -m 0644 "$base/$dep" "$into/$dep"
	done
	cp "$base"/modules.{dep,alias,builtin,order} "$into/" 2>/dev/null
}
