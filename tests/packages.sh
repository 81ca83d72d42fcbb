#!/bin/sh
# Install the Debian packages that the tests need and the machine lacks; says so before it uses root.
set -eu
missing=
for pair in shellcheck:shellcheck busybox:busybox dash:dash ssh:openssh-client curl:curl openssl:openssl setpriv:util-linux \
    socat:socat flock:util-linux xmlsec1:xmlsec1 chromium:chromium chromedriver:chromium-driver kinit:krb5-user \
    krb5-config:libkrb5-dev gcc:gcc zsh:zsh strace:strace; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "The tests need:$missing. This is no Debian machine: install them by hand." >&2
    exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "The tests need:$missing. Install them as root." >&2; exit 1; }
    sudo=sudo
fi
echo "Installing, as root:$missing"
$sudo apt-get update -q >/dev/null
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends $missing >/dev/null
