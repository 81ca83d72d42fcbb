#!/bin/sh
# Have systemd start what a lab host has, and nothing that would change the machine that the host runs on.
#
# usage: build.sh ROOT   (run by lab/base/build.sh)
set -eu
root=$1

# The kernel is the machine's: its settings, modules, devices, clock and random seed are not a host's to change.
for unit in systemd-sysctl systemd-modules-load systemd-udevd systemd-udev-trigger systemd-random-seed systemd-binfmt \
    systemd-hwdb-update systemd-remount-fs systemd-timesyncd; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
for unit in systemd-udevd-control.socket systemd-udevd-kernel.socket getty.target console-getty.service ssh.socket \
    ssh.service apache2.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer tmp.mount; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
rm -f "$root/etc/systemd/system/sshd.service" # Debian's other name for ssh.service
ln -sf /usr/lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
