# Part of the scripts that read or write releases: where these lie when the inventory's state_dir is another one now.
USUAL_PLACE=private/poms-ops      # below the home: ops/inventory/defaults.py
PLACE_NOTE=.poms-ops-state-dir    # below the home: names the folder where it is not the usual one

# Releases, or a deploy that died half-way, that lie in another folder than $state_dir, which has none: say where.
# $1 is the account's home, $2 uWSGI's file or empty: a deploy of the version before left no note, but is named there.
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
