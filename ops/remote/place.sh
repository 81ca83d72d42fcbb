# Part of the scripts that read or write releases: find them if the inventory's state_dir has changed.
USUAL_PLACE=private/poms-ops      # below the home: ops/inventory/defaults.py
PLACE_NOTE=.poms-ops-state-dir    # below the home: names the folder where it is not the usual one

# Report another folder with releases, or with an unfinished deploy, if $state_dir has none. $1: the account's home; $2:
# uWSGI's file or empty: it names the folder of a deploy of the previous version, which left no note.
tell_releases_elsewhere() {
    if [ -z "$1" ] || [ -n "$(running_release)" ] || [ -e "$state_dir/pending" ]; then return 0; fi
    noted=$(cat "$1/$PLACE_NOTE" 2>/dev/null) || noted=
    named=$(sed -n 's|^zerg-server = \(/.*\)/uwsgi\.zerg$|\1|p' "$2" 2>/dev/null | sed 's/%%/%/g') || named=
    for place in "$noted" "$named" "$1/$USUAL_PLACE"; do
        if [ -n "$place" ] && { [ -e "$place/current/manifest" ] || [ -e "$place/pending/meta" ]; }; then
            say "elsewhere $place"
            return 0
        fi
    done
}
