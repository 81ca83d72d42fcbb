#!/bin/sh
# Become the lab's identity provider: the first process of a network namespace of its own, which is connected only to the
# lab's bridge.
#
# usage: boot.sh DIR ADDRESS/LENGTH UID GID PYTHON   (root, in new network and pid namespaces)
# DIR has the files of server.py, readable for UID. Like guest/boot.sh, it prints its pid and waits for a line.
set -eu
read -r pid _ </proc/self/stat # /proc is the machine's
echo "$pid"
read -r _
exec </dev/null >&2

ip link set lo up
ip address add "$2" dev eth0
ip link set eth0 up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start # of this network: it listens on 443 without being root
exec env -i PATH="$PATH" TMPDIR="$1/tmp" LANG=C.UTF-8 \
    setpriv --reuid "$3" --regid "$4" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    "$5" "$(dirname "$0")/server.py" "$1"
