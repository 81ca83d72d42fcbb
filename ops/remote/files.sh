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
        if [ ! -d "$folder" ]; then
            (umask 027 && mkdir -p "$folder")
            # SELinux gives it its parent's type; where root has named another one (semanage fcontext), it gets that.
            if command -v restorecon >/dev/null; then restorecon -R "$folder" || :; fi
        fi
    done <"$pending/directories"
    let_apache_in
}

# Apache's account is to reach the app's socket, and no other account of the host: by an access list of the folder, which
# the socket inherits whenever it is made, and the right to pass through the folders above. One in our group needs none.
let_apache_in() {
    [ -e "$pending/app_access" ] || return 0
    visitor=$(cat "$pending/app_access")
    folder=$(dirname "$(app_value listen)")
    if ! groups=$(id -nG "$visitor"); then
        echo "this host has no account $visitor for Apache: say in apache.account which it is"
        return 1
    fi
    case " $groups " in *" $(id -gn) "*) return 0 ;; esac
    if ! setfacl -m "u:$visitor:x,d:u:$visitor:rw" "$folder"; then
        echo "$visitor cannot be let in to a socket in $folder: set app.listen to a loopback port, or have root put" \
            "$visitor into the group $(id -gn)"
        return 1
    fi
    while [ "$folder" != / ]; do
        folder=$(dirname "$folder")
        if [ -O "$folder" ] && [ $((0$(stat -c %a "$folder") & 1)) -eq 0 ]; then setfacl -m "u:$visitor:x" "$folder"; fi
    done
}

keep_one() {
    if [ -e "$path" ] && { [ ! -r "$path" ] || [ ! -f "$path" ]; }; then
        echo "$path is there and cannot be read, so it cannot be kept: give $(id -un) the right to read it"
        return 1
    fi
    if [ "$(digest_of "$path")" != "$seen" ]; then
        echo "$path was changed by somebody else since it was looked at"
        return 1
    fi
    find_places
    if ! may_rename && { [ ! -w "$target" ] || [ "$seen" = absent ]; }; then
        echo "$(id -un) may write neither $path nor its folder"
        return 1
    fi
    if ! may_rename && [ "$wanted" = absent ]; then
        echo "$(id -un) may not remove $path: its folder cannot be written"
        return 1
    fi
    if [ "$seen" = absent ]; then : >"$pending/absent.$number"; else cp -p "$path" "$pending/old.$number"; fi
}

keep_all() {
    each_file keep_one
    head -c 65536 /dev/zero >"$pending/reserve" # what the way back has to note needs space on a full disk, too
}

# For $path: the file itself, behind links; its folder; and two names beside it that Apache, which loads *.conf, never
# loads: the new file before it is renamed, and the old one until the release is kept.
find_places() {
    target=$(readlink -f "$path") || target=$path
    folder=$(dirname "$target")
    fresh=$folder/.$(basename "$target").poms-ops-new
    aside=$folder/.$(basename "$target").poms-ops-old
}

may_rename() { # in $folder; in a sticky one only what is ours
    [ -w "$folder" ] && { [ ! -k "$folder" ] || [ -O "$folder" ] || [ ! -e "$target" ] || [ -O "$target" ]; }
}

place() { # file $1 at $path with mode $2: by rename where the folder allows it, else within the file
    find_places
    if ! may_rename; then
        cat "$1" >"$target" || return 1
        sync "$target" 2>/dev/null || sync
        return
    fi
    cp -p "$1" "$fresh" && keep_group && chmod "$2" "$fresh" && { sync "$fresh" 2>/dev/null || sync; } && put_aside &&
        mv -f "$fresh" "$target"
}

keep_group() { # of a file that is replaced, where this account is in it
    [ ! -e "$target" ] || chgrp --reference="$target" "$fresh" 2>/dev/null || :
}

# A second name for the old file: to put it back is a rename then, which needs no space and changes neither its owner nor
# its time. Where the kernel allows none for a file of another owner, it is moved; elsewhere the kept copy has to do.
put_aside() {
    if [ -n "$swapping" ] && [ -e "$target" ]; then
        ln -f "$target" "$aside" 2>/dev/null || [ -O "$target" ] || mv -f "$target" "$aside"
    fi
}

swap_one() {
    swapping=yes
    if [ "$(digest_of "$path")" != "$seen" ]; then
        echo "$path was changed by somebody else while the new files were validated"
        return 1
    fi
    echo "$number" >>"$pending/swapped" || return 1
    if [ "$wanted" != absent ]; then
        place "$pending/new.$number" "$mode"
    else
        find_places
        put_aside
        rm -f "$target"
    fi
}

swap_all() {
    each_file swap_one
    each_file find_late_edit
}

find_late_edit() { # one that was made in the moment before the new file took the place of the old one
    find_places
    if [ -e "$aside" ] && [ "$(digest_of "$aside")" != "$seen" ]; then
        echo "$path was changed by somebody else while it was replaced"
        return 1
    fi
}

put_back_one() { # goes on behind a failure: every other file shall still be put back
    swapping=
    find_places
    rm -f "$fresh" || not_back="$not_back $fresh"
    is=$(digest_of "$path")
    if [ "$is" != "$wanted" ] && [ "$is" != "$seen" ]; then
        if ! was_swapped; then # an edit of the file that was there: this deploy has not touched it
            say "note $path was changed by somebody else and is left as it is"
            return 0
        fi
        keep_edit || {
            not_back="$not_back $path"
            return 0
        }
    fi
    if [ -e "$aside" ] && [ "$(stat -c %d:%i "$aside")" = "$(stat -c %d:%i "$target" 2>/dev/null)" ]; then
        rm -f "$aside" || not_back="$not_back $aside"
    elif [ -e "$aside" ]; then
        mv -f "$aside" "$target" || not_back="$not_back $path"
    elif [ -e "$pending/absent.$number" ]; then
        rm -f "$path" || not_back="$not_back $path"
    elif ! is_back && ! place "$pending/old.$number" "$(stat -c %a "$pending/old.$number")"; then
        not_back="$not_back $path"
    fi
}

was_swapped() { # where nothing was noted, it is a deploy of the version before, which did not note it
    [ ! -e "$pending/swapped" ] || grep -qx "$number" "$pending/swapped"
}

# Somebody has edited the file that this deploy had put there: the edit is kept, where there is space in the release, else
# beside the file, and named.
keep_edit() {
    [ "$is" != absent ] || return 0 # it was removed
    kept=$pending/edited.$number
    if cp -p "$target" "$kept" 2>/dev/null; then
        name=$(sed -n 's/^release //p' "$pending/meta" 2>/dev/null)
        kept=$state_dir/releases/${name:-unknown}/edited.$number
    else
        rm -f "$kept"
        kept=$folder/.$(basename "$target").poms-ops-edited
        mv -f "$target" "$kept" || return 1
    fi
    say "note $path was edited after it was deployed; the edit is kept as $kept"
    printf 'edited %s %s\n' "$kept" "$path" >>"$pending/meta" || :
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
    sync
    rm -f "$pending/swapping"
}

forget_one() { # on disk before the release is, behind which nobody looks for it
    find_places
    [ -e "$aside" ] || return 0
    rm -f "$aside"
    sync "$folder" 2>/dev/null || sync
}

forget_aside() { each_file forget_one; }
