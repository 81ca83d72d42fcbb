# probe.sh: the snapshot of the host, in one answer. Changes nothing.
# Asked:    state_dir, home, supervisord_conf, supervisor_socket, activate, "digests" where no content is wanted, "uwsgi FILE",
#           "file DIGEST PATH" ..., "place FOLDER" ..., "app NAME VALUE" ... (uwsgi.sh) and "web_program NAME" where the web
#           service is to be told of, with "through_apache …" where Apache is asked, too (through_apache.sh); "restart_word WORD"
#           ... and "apache_root PATH" where Apache is only restarted; end
# Answers:  "file DIGEST MODE ours|theirs PATH" (whose folder it is in) and, where the digest is not the wanted one, "content BASE64";
#           "absent PATH"; "unreadable PATH"; "present PATH" for each file in a place; "deployed DIGEST MODE PATH" of the
#           last release, and what is there of it although nobody asked; "release ID", "commit HASH" and "toolkit HASH" of that release,
#           and "secret LINES PATH" where secrets stand in its files;
#           "elsewhere FOLDER" where there are no releases here, and some there (place.sh);
#           "programs" and "program STATE GROUP NAME" for each that supervisord has, where its file differs, or "untold WHY";
#           "memory EACH FREE" in kB, of uWSGI's workers, where a file differs; "lock TEXT"; "owed RELOAD" for each reload that an earlier deploy did not come to; "unfinished RELEASE" of
#           one that died half-way; "staged NAME" of each that is being sent, or died there; "supervisord STATE" and, where it is down, "start WAY" (survival.sh); "service answers", or "service fails STATE BASE64": its program's, "-" where that is not known, or "service unreached BASE64", where Apache does not reach it; "free KILOBYTES" where something may be written;
#           "restart_cost SIGNAL GRACEFUL TIMEOUT" (apache_unit.sh) where something differs or is owed; end
say poms-ops probe
newline='
'
asked='' paths=$newline home='' deployed=$newline rewritten='' uwsgi='' differs='' changes='' contents=yes conf_differs='' app='' web_program='' restart='' apache_root='' through_apache=''

# The files of $asked, lines of "DIGEST PATH" with the digest that is wanted. A program for all of them, and not for
# each, for most of a probe's time goes into starting them; both tell of the files in their order, or fail.
look_at_files() {
    set --
    wanted=''
    while IFS= read -r line; do
        path=${line#* }
        if [ ! -e "$path" ]; then
            say "absent $path"
            changes=yes
            note_conf
        elif [ ! -r "$path" ] || [ ! -f "$path" ]; then
            say "unreadable $path"
        else
            set -- "$@" "$path"
            wanted=$wanted${line%% *}$newline
        fi
    done <<END
${asked%"$newline"}
END
    if [ $# = 0 ]; then return; fi
    digests=$(sha256sum -- "$@")$newline
    modes=$(stat -L -c %a -- "$@")$newline
    for path in "$@"; do
        digest=${digests%% *}
        digest=${digest#\\} # before a name that is written with escapes
        # In a folder that is not ours a file can be written and keeps its mode.
        if [ -w "${path%/*}/" ]; then place=ours; else place=theirs; fi
        say "file $digest ${modes%%"$newline"*} $place $path"
        if [ "$digest" != "${wanted%%"$newline"*}" ] && [ -n "$contents" ]; then
            changes=yes
            say "content $(base64 <"$path" | tr -d '\n')"
            differs=yes
            case $wanted in -*) ;; *) note_conf ;; esac
        elif [ "$digest" = "${wanted%%"$newline"*}" ]; then
            tell_rewritten
        fi
        digests=${digests#*"$newline"} modes=${modes#*"$newline"} wanted=${wanted#*"$newline"}
    done
}

# What is as wanted, and is not what was deployed: somebody wrote it since, and what runs may not have read it.
tell_rewritten() {
    case $deployed in
    *"$newline$digest "????" $path$newline"*) ;;
    *" $path$newline"*)
        say "rewritten $(stat -L -c %.2Y "$path") $path"
        rewritten=yes
        note_conf
        ;;
    esac
}

# When what runs has read its files: Apache; uWSGI, whoever reloaded it, which writes this as it begins to serve; programs at
# a start or a reload of ours. That of a start is told with the programs.
tell_read() {
    read_at=$(apache_read_at)
    if [ -n "$read_at" ]; then say "read $read_at apache"; fi
    for path in "$state_dir/uwsgi.serving" "$state_dir"/taken/*; do
        if [ -e "$path" ]; then say "read $(stat -c %.2Y "$path") ${path##*/}"; fi
    done
}

note_conf() { if [ "$path" = "$supervisord_conf" ]; then conf_differs=yes; fi; }

# What runs is asked of supervisord itself: its file may have been edited since, and others may be included.
tell_programs() {
    if told=$(ask_programs "$supervisor_socket" "$supervisord_conf" "$state_dir" 2>&1); then
        printf '%s\n' "$told" >&3
    else
        say "untold $(printf '%s\n' "$told" | tail -n 1)"
    fi
}

# The app on its own socket; supervisord has a word on its program where it does not answer. One that is only starting
# gets the time for that.
tell_service() {
    [ -n "$web_program" ] || return 0
    if ask 10 none; then
        tell_whether_reached
        return
    fi
    state=$(ask_programs "$supervisor_socket" "$supervisord_conf" "$state_dir" 2>/dev/null |
        PROGRAM=$web_program awk '$1 == "program" && $4 == ENVIRON["PROGRAM"] { print $2; exit }') || :
    case $state in
    STARTING | BACKOFF)
        if ask "$(asked_app start)"; then
            tell_whether_reached
            return
        fi
        ;;
    esac
    echo "service fails ${state:--} $(printf '%s\n' "$problem" | tail -n 3 | base64 | tr -d '\n')"
}

tell_whether_reached() { # by Apache, where that is asked and known
    if [ -n "$through_apache" ]; then
        ask_through_apache_patiently "$through_apache" 2
        if [ "$through" = failed ]; then
            echo "service unreached $(printf '%s\n' "$through_found" | base64 | tr -d '\n')"
            return
        fi
    fi
    echo "service answers"
}

asked_app() { printf '%s' "$app" | sed -n "s/^$1 //p"; }

# Within $1 seconds, or, $2 being "none", at once; sets $problem. What is asked is given as a file that is none: nothing is
# written here.
ask() {
    listen=$(asked_app listen)
    problem=$(printf '%s' "$app" | { exec 8<&0 && ask_app /dev/fd/8 "$listen" "$@"; } 2>&1)
}

while IFS= read -r line; do
    value=${line#* }
    case $line in
    "state_dir "*) state_dir=$value ;;
    "home "*) home=$value ;;
    "supervisord_conf "*) supervisord_conf=$value ;;
    "supervisor_socket "*) supervisor_socket=$value ;;
    "activate "*) activate=$value ;;
    digests) contents='' ;;
    "uwsgi "*) uwsgi=$value ;;
    "file "*)
        asked=$asked$value$newline paths=$paths${value#* }$newline
        ;;
    "app "*) app=$app$value$newline ;;
    "web_program "*) web_program=$value ;;
    "restart_word "*) restart=$restart$value$newline ;;
    "apache_root "*) apache_root=$value ;;
    "through_apache "*) through_apache=$value ;;
    "place "*)
        # The files that lie in one of our folders, for what nobody manages.
        for path in "$value"/*; do
            if [ -f "$path" ]; then say "present $path"; fi
        done
        ;;
    end) break ;;
    esac
done
running=$(running_release)
# supervisord is asked while files are looked at: a Python's start takes as long as all of that.
{
    supervisord_state
    tell_service
} </dev/null | {
    if [ -n "$running" ]; then
        while IFS= read -r line; do
            say "deployed $line"
            deployed=$deployed$line$newline
            path=${line#* * }
            case $paths in *"$newline$path$newline"*) ;; *) asked="$asked- $path$newline" ;; esac
        done <"$running/manifest"
        while IFS= read -r line; do
            case $line in "commit "* | "toolkit "* | "secret "*) say "$line" ;; esac
        done <"$running/meta"
        say "release ${running##*/}"
    fi
    if [ -n "$asked" ]; then look_at_files; fi
    if [ -s "$state_dir/lock" ] && is_locked "$state_dir/lock"; then
        say "lock $(cat "$state_dir/lock")"
    elif [ -e "$state_dir/pending" ]; then
        dead=$(head -n 1 "$state_dir/pending/meta" 2>/dev/null) || :
        say "unfinished ${dead:-a deploy whose record was lost in a power cut}"
    fi
    for staged in "$state_dir"/incoming.*; do
        if [ -e "$staged" ]; then say "staged ${staged##*/}"; fi
    done
    tell_releases_elsewhere "$home" "${uwsgi:-/dev/null}"
    if [ -s "$state_dir/owed" ]; then sed 's/^/owed /' "$state_dir/owed" >&3; fi
    IFS= read -r supervisord || :
    say "supervisord $supervisord"
    if [ "$supervisord" = down ]; then say "start $(way_to_start)"; fi
    if IFS= read -r service; then say "$service"; fi
    if [ -n "$rewritten" ]; then tell_read; fi
    case $conf_differs$rewritten-$supervisord in
    yes*-up*) tell_programs ;;
    yes*-down) ;;
    yes*-*) say "untold it runs but does not answer: fab status says why" ;;
    esac
    if [ -n "$differs" ] && [ -n "$uwsgi" ]; then say "memory $(memory_of "$uwsgi")"; fi
    if [ -n "$restart" ] && { [ -n "$changes$rewritten" ] || [ -s "$state_dir/owed" ]; }; then
        cost=$(printf %s "$restart" | restart_cost "$apache_root")
        if [ -n "$cost" ]; then say "restart_cost $cost"; fi
    fi
    if [ -n "$changes" ] || [ -e "$state_dir/pending" ]; then
        df -Pk "$HOME" | {
            read -r _
            read -r _ _ _ free _
            say "free $free"
        }
    fi
}
say end
