# SPDX-License-Identifier: MIT
# bash completion for every Patronus tool, installed under each tool's name. The words come from
# the tool itself (`pt-x --words`), so they are never out of date.
# shellcheck shell=bash

_patronus_ids() { # KIND: ids of the plane's own tables, where it is attached
	command pt-failover status --json 2>/dev/null | command jq -r ".$1[]?.id // empty" 2>/dev/null
}

_patronus() {
	local tool=$1 cur=$2 prev=$3 verb=${COMP_WORDS[1]-} words
	COMPREPLY=()
	words=$("$tool" --words 2>/dev/null) || return 0
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(printf '%s\n' "$words" | awk 'NF == 1') help --help --version" -- "$cur")
		return 0
	fi
	case $prev in
	--config | --network | --db)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return 0
		;;
	--from | --spool | --pin-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return 0
		;;
	--netns)
		mapfile -t COMPREPLY < <(compgen -W "$(command ip netns list 2>/dev/null | awk '{print $1}')" -- "$cur")
		return 0
		;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W "$(printf '%s\n' "$words" | awk -v v="$verb" 'NF == 2 && $1 == v {print $2}')" -- "$cur") ;;
	*)
		case ${tool##*/}/$verb in
		pt-failover/switch) mapfile -t COMPREPLY < <(compgen -W "$(_patronus_ids paths)" -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		esac
		;;
	esac
}

complete -o filenames -F _patronus pt-probe pt-select pt-failover pt-db pt-serve pt-tune pt-bench
