# Part of transaction.sh: back up, swap and restore the files that $pending/files lists ("NUMBER MODE SEEN WANTED PATH").
# Before the first file changes, $pending holds new.NUMBER (wanted), and old.NUMBER or absent.NUMBER (before the deploy).

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
            # SELinux gives it the type of its parent; apply the type that root has set (semanage fcontext), if any.
            if command -v restorecon >/dev/null; then restorecon -R "$folder" || :; fi
        fi
    done <"$pending/directories"
    let_apache_in
}

# Let Apache's account, and no other, reach the app's socket: by an ACL of the folder, which the socket inherits when it is
# created, and execute permission on the folders above. An account in our group needs neither.
let_apache_in() {
    [ -e "$pending/app_access" ] || return 0
    visitor=$(cat "$pending/app_access")
    folder=$(dirname "$(app_value listen)")
    if ! groups=$(id -nG "$visitor"); then
        echo "this host has no account $visitor for Apache: set apache.account to the right one"
        return 1
    fi
    case " $groups " in *" $(id -gn) "*) return 0 ;; esac
    if ! setfacl -m "u:$visitor:x,d:u:$visitor:rw" "$folder"; then
        echo "cannot give $visitor access to a socket in $folder: set app.listen to a loopback port, or have root add" \
            "$visitor to the group $(id -gn)"
        return 1
    fi
    while [ "$folder" != / ]; do
        folder=$(dirname "$folder")
        if [ -O "$folder" ] && [ $((0$(stat -c %a "$folder") & 1)) -eq 0 ]; then setfacl -m "u:$visitor:x" "$folder"; fi
    done
}

keep_one() {
    if [ -e "$path" ] && { [ ! -r "$path" ] || [ ! -f "$path" ]; }; then
        echo "$path cannot be read, so it cannot be backed up: make it readable for $(id -un)"
        return 1
    fi
    if [ "$(digest_of "$path")" != "$seen" ]; then
        echo "$path was changed by somebody else after the plan was made"
        return 1
    fi
    find_places
    if ! may_rename && { [ ! -w "$target" ] || [ "$seen" = absent ]; }; then
        echo "$(id -un) can write neither $path nor its folder"
        return 1
    fi
    if ! may_rename && [ "$wanted" = absent ]; then
        echo "$(id -un) cannot remove $path: its folder is not writable"
        return 1
    fi
    if [ "$seen" = absent ]; then : >"$pending/absent.$number"; else cp -p "$path" "$pending/old.$number"; fi
}

keep_all() {
    each_file keep_one
    head -c 65536 /dev/zero >"$pending/reserve" # space for a rollback's records on a full disk
}

# For $path: the file itself, with links resolved; its folder; and two names in it that Apache (*.conf) never loads: the
# new file before its rename, and the old file until the commit.
find_places() {
    target=$(readlink -f "$path") || target=$path
    folder=$(dirname "$target")
    fresh=$folder/.$(basename "$target").poms-ops-new
    aside=$folder/.$(basename "$target").poms-ops-old
}

may_rename() { # in $folder; in a sticky folder, only our own files
    [ -w "$folder" ] && { [ ! -k "$folder" ] || [ -O "$folder" ] || [ ! -e "$target" ] || [ -O "$target" ]; }
}

place() { # put file $1 at $path with mode $2: by rename if the folder allows it, otherwise by overwriting
    find_places
    if ! may_rename; then
        cat "$1" >"$target" || return 1
        sync "$target" 2>/dev/null || sync
        return
    fi
    cp -p "$1" "$fresh" && keep_group && chmod "$2" "$fresh" && { sync "$fresh" 2>/dev/null || sync; } && put_aside &&
        mv -f "$fresh" "$target"
}

keep_group() { # of the replaced file, if this account is a member
    [ ! -e "$target" ] || chgrp --reference="$target" "$fresh" 2>/dev/null || :
}

# Give the old file a second name: restoring it is then a rename, which needs no space and keeps its owner and time. If the
# kernel allows no link to another owner's file, move it; otherwise the backup is used.
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

find_late_edit() { # an edit just before the new file replaced the old one
    find_places
    if [ -e "$aside" ] && [ "$(digest_of "$aside")" != "$seen" ]; then
        echo "$path was changed by somebody else while it was replaced"
        return 1
    fi
}

put_back_one() { # goes on after a failure, so that every other file is restored
    swapping=
    find_places
    rm -f "$fresh" || not_back="$not_back $fresh"
    is=$(digest_of "$path")
    if [ "$is" != "$wanted" ] && [ "$is" != "$seen" ]; then
        if ! was_swapped; then # somebody edited the old file, which this deploy has not replaced
            say "note $path was changed by somebody else; it is unchanged"
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

was_swapped() { # true without a record: the previous version did not write one
    [ ! -e "$pending/swapped" ] || grep -qx "$number" "$pending/swapped"
}

# Somebody has edited the file after this deploy replaced it: back up the edit in the release, or next to the file if there
# is no space, and report it.
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
    say "note $path was edited after it was deployed; the edit is backed up as $kept"
    printf 'edited %s %s\n' "$kept" "$path" >>"$pending/meta" || :
}

is_back() { # whether the file is the old one already: no space is needed
    [ "$(digest_of "$path")" = "$seen" ] && [ "$(stat -L -c %a "$path")" = "$(stat -c %a "$pending/old.$number")" ]
}

put_back_files() {
    not_back=
    each_file put_back_one
    if [ -n "$not_back" ]; then
        say "note could not be restored:$not_back; the old files are in $pending"
        return 1
    fi
    sync
    rm -f "$pending/swapping"
}

forget_one() { # on disk before the release is committed: nobody looks for it later
    find_places
    [ -e "$aside" ] || return 0
    rm -f "$aside"
    sync "$folder" 2>/dev/null || sync
}

forget_aside() { each_file forget_one; }
