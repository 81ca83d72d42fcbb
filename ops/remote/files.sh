# Part of transaction.sh: keep, swap and put back the files that $pending/files lists ("NUMBER MODE SEEN WANTED PATH").
# $pending holds new.NUMBER (wanted), and old.NUMBER or absent.NUMBER (what was there), before the first file changes.

digest_of() {
    if [ -e "$1" ]; then
        digest=$(sha256sum <"$1")
        echo "${digest%% *}"
    else
        echo absent
    fi
}

each_file() { # call $1 with number, mode, the digests seen and wanted, path
    while read -r number mode seen wanted path; do "$1"; done <"$pending/files"
}

make_directories() {
    while IFS= read -r folder; do
        [ -d "$folder" ] || (umask 027 && mkdir -p "$folder")
    done <"$pending/directories"
}

keep_one() {
    if [ -e "$path" ] && { [ ! -r "$path" ] || [ ! -f "$path" ]; }; then
        echo "$path is there and cannot be read, so it cannot be kept: give $(id -un) the right to read it"
        return 1
    fi
    if [ ! -w "$(dirname "$path")" ] && [ ! -w "$path" ]; then
        echo "$(id -un) may write neither $path nor its folder"
        return 1
    fi
    if [ "$(digest_of "$path")" != "$seen" ]; then
        echo "$path was changed by somebody else since it was looked at"
        return 1
    fi
    if [ "$seen" = absent ]; then : >"$pending/absent.$number"; else cp -p "$path" "$pending/old.$number"; fi
}

keep_all() { each_file keep_one; }

place() { # file $1 at path $2 with mode $3: by rename where the directory allows it, else within the file
    target=$(readlink -f "$2") || target=$2 # a link stays one
    folder=$(dirname "$target")
    if [ ! -w "$folder" ]; then
        cat "$1" >"$target"
        return
    fi
    fresh=$folder/.$(basename "$target").poms-ops-new # Apache loads *.conf, so never this
    cp -p "$1" "$fresh" && chmod "$3" "$fresh" && { sync "$fresh" 2>/dev/null || sync; } && mv -f "$fresh" "$target"
}

swap_one() { place "$pending/new.$number" "$path" "$mode"; }

swap_all() { each_file swap_one; }

put_back_one() { # goes on behind a failure: every other file shall still be put back
    rm -f "$(dirname "$path")/.$(basename "$path").poms-ops-new"
    if [ -e "$pending/absent.$number" ]; then
        rm -f "$path" || not_back="$not_back $path"
    elif ! is_back && ! place "$pending/old.$number" "$path" "$(stat -c %a "$pending/old.$number")"; then
        not_back="$not_back $path"
    fi
}

is_back() { # a file that was never touched needs no space on a full disk
    [ "$(digest_of "$path")" = "$seen" ] && [ "$(stat -L -c %a "$path")" = "$(stat -c %a "$pending/old.$number")" ]
}

put_back_files() {
    not_back=
    each_file put_back_one
    if [ -n "$not_back" ]; then
        say "note could not be put back:$not_back; the old files are kept in $pending"
        return 1
    fi
    rm -f "$pending/swapping"
}
