# releases.sh: list the releases of this host. Changes nothing.
# Asked:    state_dir; "home PATH", "uwsgi FILE" (place.sh); "contents RELEASE" ... for its files, too; "originals";
#           end
# Answers:  for each release, by name: "release NAME" and its record, "meta TEXT" a line; "current NAME";
#           "elsewhere FOLDER" where there is none and another folder has some;
#           for each one that was asked: "contents NAME", "host JSON" where it was recorded, and
#           "manifest DIGEST MODE PATH", each with "content BASE64" or "lost PATH";
#           for "originals", how each file that a release has changed was found by the first of them: "original absent
#           PATH", "original lost PATH", or "original MODE PATH" with "content BASE64"; end
say poms-ops releases
asked='' originals='' home='' uwsgi=/dev/null
newline='
'
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "state_dir "*) state_dir=$value ;;
    "home "*) home=$value ;;
    "uwsgi "*) uwsgi=$value ;;
    "contents "*) asked=$asked$value$newline ;;
    originals) originals=yes ;;
    end) break ;;
    esac
done

releases_in_turn() { # the folders of those that were live, also of those whose record alone is kept, the oldest first
    for folder in "$state_dir"/kept/*/ "$state_dir"/releases/*/; do
        if grep -qx 'ended committed' "$folder/meta" 2>/dev/null; then
            printf '%s %s\n' "$(sed -n 's/^sequence //p' "$folder/meta" | tail -n 1)" "$folder"
        fi
    done | sort -n | sed 's/^[0-9]* //'
}

tell_originals() {
    seen=$newline
    releases_in_turn | while IFS= read -r folder; do
        number=0
        while read -r key kind path; do
            [ "$key" = changed ] || continue
            number=$((number + 1))
            case $seen in *"$newline$path$newline"*) continue ;; esac
            seen=$seen$path$newline
            if [ "$kind" = create ]; then
                say "original absent $path"
            elif [ -r "${folder}old.$number" ]; then
                say "original $(stat -c %a "${folder}old.$number") $path"
                say "content $(base64 <"${folder}old.$number" | tr -d '\n')"
            else
                say "original lost $path"
            fi
        done <"${folder}meta"
    done
}

for folder in "$state_dir"/releases/*/; do
    [ -r "$folder/meta" ] || continue
    say "release $(basename "$folder")"
    sed 's/^/meta /' "$folder/meta" >&3
done
running=$(running_release)
if [ -n "$running" ]; then say "current ${running##*/}"; fi
tell_releases_elsewhere "$home" "$uwsgi"
printf '%s' "$asked" | while IFS= read -r name; do
    folder=$state_dir/releases/$name
    [ -r "$folder/manifest" ] || continue
    say "contents $name"
    if [ -s "$folder/host" ]; then say "host $(head -n 1 "$folder/host")"; fi
    while IFS= read -r line; do
        say "manifest $line"
        object=$state_dir/objects/${line%% *}
        if [ -r "$object" ]; then say "content $(base64 <"$object" | tr -d '\n')"; else say "lost $line"; fi
    done <"$folder/manifest"
done
if [ -n "$originals" ]; then tell_originals; fi
say end
