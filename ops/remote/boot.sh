# boot.sh: start supervisord at boot: by a line in the account's crontab, or by a systemd user unit.
# Asked:    as the others: state_dir, supervisord_conf, supervisor_socket, activate; "by WHO, FOR WHAT" of an action that
#           changes something, for which the host's lock is taken; "action look|add-line|remove-line|add-unit|remove-unit",
#           "line TEXT" of the crontab, "unit NAME" and "content BASE64"; end
# Answers:  "locked TEXT", "unlockable WHY" as the others; of a look "survival FACT ..." (survival.sh), "boot WHO", "lines NUMBER" of the
#           crontab as it is, "own TEXT" of the line there that is ours, "has_unit yes" where the unit's file is there, "manager
#           yes" where the account's own service manager can be asked; of a change "done"; "failed" with "evidence BASE64"; end
say poms-ops boot
log=$(mktemp) content='' by='' unit='' crontab_line=''
trap 'rm -f "$log" "$log".*' EXIT
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "state_dir "*) state_dir=$value ;;
    "supervisord_conf "*) supervisord_conf=$value ;;
    "supervisor_socket "*) supervisor_socket=$value ;;
    "activate "*) activate=$value ;;
    "by "*) by=$value ;;
    "action "*) asked=$value ;;
    "line "*) crontab_line=$value ;;
    "unit "*) unit=$value ;;
    "content "*) content=$value ;;
    end) break ;;
    esac
done
exec 2>"$log" >&2
if [ -n "$by" ]; then
    take_lock "$by"
    trap 'rm -f "$log" "$log".*; release_lock' EXIT
fi

MARK='# poms-ops start-at-boot: the next line is made by it'
unit_folder=$HOME/.config/systemd/user

read_crontab() { # into $log.old; fails where it cannot be read, which an empty one can
    if crontab -l >"$log.old" 2>"$log.said" </dev/null; then return; fi
    grep -q 'no crontab' "$log.said" || {
        cat "$log.said"
        return 1
    }
    : >"$log.old"
}

without_ours() { MARK=$MARK awk 'skip { skip = 0; next } $0 == ENVIRON["MARK"] { skip = 1; next } { print }' "$log.old"; }

write_crontab() { # write all of $log.new; restore the old crontab if the result differs
    if [ ! -s "$log.new" ]; then
        [ ! -s "$log.old" ] || crontab -r
        return
    fi
    if crontab "$log.new" && crontab -l 2>/dev/null </dev/null | cmp -s - "$log.new"; then return; fi
    echo "the crontab differs from the one that was written; the old one is restored"
    if [ -s "$log.old" ]; then crontab "$log.old"; else crontab -r; fi
    return 1
}

act() {
    case $asked in
    look)
        tell_boot survival
        say "boot $boot"
        if command -v crontab >/dev/null && read_crontab; then
            say "lines $(grep -c '' "$log.old")"
            MARK=$MARK awk 'own { print "own " $0; exit } $0 == ENVIRON["MARK"] { own = 1 }' "$log.old" >&3
        fi
        if [ -e "$unit_folder/$unit" ]; then say "has_unit yes"; fi
        if has_systemd && ask_systemd user show -p Version >/dev/null; then say "manager yes"; fi
        ;;
    add-line)
        read_crontab
        without_ours >"$log.new"
        printf '%s\n%s\n' "$MARK" "$crontab_line" >>"$log.new"
        write_crontab
        ;;
    remove-line)
        read_crontab
        without_ours >"$log.new"
        write_crontab
        ;;
    add-unit)
        mkdir -p "$unit_folder"
        printf '%s\n' "$content" | base64 -d >"$unit_folder/.$unit.new"
        mv -f "$unit_folder/.$unit.new" "$unit_folder/$unit"
        ask_systemd user daemon-reload
        ask_systemd user enable "$unit"
        ;;
    remove-unit)
        ask_systemd user disable "$unit"
        rm -f "$unit_folder/$unit"
        ask_systemd user daemon-reload
        ;;
    esac
    [ "$asked" = look ] || say "done"
}

set +e
(
    set -e
    act
)
status=$?
set -e
if [ "$status" -ne 0 ]; then
    say failed
    say "evidence $(encoded_tail 20 "$log")"
    exit 1
fi
say end
