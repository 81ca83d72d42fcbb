# shellcheck shell=bash
# To be sourced by bash or zsh:  . tasks/completion.sh
# TAB after fab then knows verbs, flags, and the inventory's hosts, groups and programs; elsewhere what fab itself knows.

if [ -n "${ZSH_VERSION:-}" ]; then
    autoload -U +X compinit && compinit -u
    autoload -U +X bashcompinit && bashcompinit
fi

_poms_ops_complete() {
    local fab python word
    fab=$(command -v "$1") || return
    COMPREPLY=()
    if [ -f tasks/_completion.py ] && python=${fab%/*}/python && [ -x "$python" ]; then
        while IFS= read -r word; do
            [ -z "$word" ] || COMPREPLY+=("$word")
        done < <("$python" -I tasks/_completion.py "${COMP_WORDS[@]:1:$COMP_CWORD}" 2>/dev/null)
    else
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$("$fab" --complete -- "${COMP_WORDS[*]}")" -- "$2")
    fi
}
complete -o default -F _poms_ops_complete fab
