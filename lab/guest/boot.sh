#!/bin/sh
# Become a lab host: the first process of its namespaces prepares its root and then executes its init.
#
# usage: boot.sh DIR NAME ADDRESS/LENGTH [CGROUP]   (root, in new mount, uts, ipc, pid and network namespaces)
# DIR has base (a link), upper, work and files. If a folder of the host has a disk of its own, DIR also has the image,
# home.img or conf.d.img, and the mount options in disks. Prints its pid in the machine's namespace, then waits for a line
# on stdin. If its parent dies before the host is recorded, that line never comes, and nothing is left.
set -eu
umask 022
cd "$1"
read -r pid _ </proc/self/stat # /proc is still the machine's
echo "$pid"
read -r _
exec </dev/null >&2
[ -z "${4-}" ] || echo 0 >"$4/cgroup.procs" # this process and its children

echo "$2" >/proc/sys/kernel/hostname
ip link set lo up
ip address add "$3" dev eth0
ip link set eth0 up

disk() { # mount image $1, if it exists, at $2
    [ -e "$1" ] || return 0
    mkdir -p "$2"
    mount -o "loop,$(cat disks)" "$1" "$2"
    [ ! -e "$2/lost+found" ] || rmdir "$2/lost+found"
}

mount -t overlay overlay -o lowerdir=base,upperdir=upper,workdir=work root
disk conf.d.img root/etc/httpd/conf.d
disk home.img home
# Homes are on a file system of their own, as on real hosts: on an overlay tail does not use inotify.
[ -e furnished ] || cp -a base/home/. home/
mount --bind home root/home
mount -t proc -o nosuid,nodev,noexec proc root/proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs root/sys
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs root/run
mount -t tmpfs -o mode=0755,nosuid tmpfs root/dev
mkdir root/dev/pts root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5,nosuid,noexec devpts root/dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs root/dev/shm
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
ln -s /proc/self/fd/0 root/dev/stdin
ln -s /proc/self/fd/1 root/dev/stdout
ln -s /proc/self/fd/2 root/dev/stderr
touch root/dev/console
mount --bind console.log root/dev/console # systemd writes its messages there
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    number=${device#*:}
    mknod -m 0666 "root/dev/${device%%:*}" c "${number%:*}" "${number#*:}"
done

if [ ! -e furnished ]; then
    [ ! -d files/home/poms ] || chown -R 1000:1000 files/home/poms
    cp -a files/. root/
    chroot root /usr/libexec/lab/furnish
    touch furnished
fi

cd root
mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
if [ -x /usr/libexec/lab/boot ]; then set -- /usr/libexec/lab/boot; else set -- tini -- /usr/libexec/lab/init; fi
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
