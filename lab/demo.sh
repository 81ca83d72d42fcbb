#!/bin/bash
# A demonstration on the lab: bring two real hosts up, deploy to one, deploy again, check it from outside.
set -eu
cd "$(dirname "$0")/.."
started=$SECONDS
export POMS_INVENTORY=lab/state/hosts.toml
state=lab/state

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

run fab lab.up
run fab -H pomsgpvm01 deploy --yes
run fab -H pomsgpvm01 deploy --yes
printf '\nA value changes in the inventory: only its file changes, and only its service is reloaded.\n'
sed 's/^threads = 10/threads = 12/' "$state/hosts.toml" >"$state/demo.toml"
POMS_INVENTORY=$state/demo.toml run fab -H pomsgpvm01 deploy --yes
run fab -H pomsgpvm01 deploy --yes
run fab -H pomsgpvm01 status
run fab -H pomsgpvm01 restart-apache
run fab -H pomsgpvm01 tail-logs --lines=3

address=$(fab lab.status --json | python -c 'import json, sys; print(json.load(sys.stdin)[0]["address"])')
name=pomsgpvm01.poms.example
ca=$state/certificates/ca.pem
printf '\nFrom outside: a person without a login is sent to the identity provider,\n'
run curl -sS --cacert "$ca" --resolve "$name:443:$address" -o /dev/null -w '%{http_code} %{redirect_url}\n' \
    "https://$name/poms" | sed 's/?.*/?…/'
printf '\nand a job with a client certificate is the user in its certificate:\n'
run curl -sS --cacert "$ca" --resolve "$name:8443:$address" --cert "$state/certificates/jdoe.pem" \
    --key "$state/certificates/jdoe.key" "https://$name:8443/poms"
printf '\nmake demo took %s s. The lab is still up: fab lab.status; fab lab.down removes it.\n' "$((SECONDS - started))"
