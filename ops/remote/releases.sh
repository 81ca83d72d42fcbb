# releases.sh: what was deployed here. Changes nothing.
# Asked:    state_dir; "contents RELEASE" for its files too; end
# Answers:  for each release, by name: "release NAME" and its record, "meta TEXT" a line; "current NAME";
#           for the one that was asked: "manifest DIGEST MODE PATH", each with "content BASE64" or "lost PATH"; end
say poms-ops releases
asked=''
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "state_dir "*) state_dir=$value ;;
    "contents "*) asked=$value ;;
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
if [ -n "$asked" ] && [ -r "$state_dir/releases/$asked/manifest" ]; then
    while IFS= read -r line; do
        say "manifest $line"
        object=$state_dir/objects/${line%% *}
        if [ -r "$object" ]; then say "content $(base64 <"$object" | tr -d '\n')"; else say "lost $line"; fi
    done <"$state_dir/releases/$asked/manifest"
fi
say end
