# releases.sh: what was deployed here. Changes nothing.
# Asked:    state_dir; "home PATH", "uwsgi FILE" (place.sh); "contents RELEASE" ... for its files, too; end
# Answers:  for each release, by name: "release NAME" and its record, "meta TEXT" a line; "current NAME";
#           "elsewhere FOLDER" where there is none and another folder has some;
#           for each one that was asked: "contents NAME", "host JSON" where it was recorded, and
#           "manifest DIGEST MODE PATH", each with "content BASE64" or "lost PATH"; end
say poms-ops releases
asked='' home='' uwsgi=/dev/null
newline='
'
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "state_dir "*) state_dir=$value ;;
    "home "*) home=$value ;;
    "uwsgi "*) uwsgi=$value ;;
    "contents "*) asked=$asked$value$newline ;;
    end) break ;;
    esac
done
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
say end
