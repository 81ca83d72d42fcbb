#!/bin/sh
# Make a root file system that lab hosts share.
#
# usage: build.sh WORK RELEASE [SCRIPT...]   (root, in mount and pid namespaces of its own: nothing it mounts or starts
# outlives it). WORK holds packages (names with commas between), products.txt's downloads, sources.list and apt.conf.
# Each SCRIPT changes what was made; it is told where that is. The result is WORK/root.
set -eu
work=$1
release=$2
shift 2
scripts=$*
root=$work/root
products=$root/home/poms/products

merge=true
if [ "$release" = bullseye ]; then # newer ones have /bin in /usr by themselves, as all of Red Hat's
    # shellcheck disable=SC2016 # expanded by mmdebstrap's shell
    merge='for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done'
fi
# Without a list of the machine's own sources mmdebstrap knows Debian's.
set -- "$root"
[ ! -s "$work/sources.list" ] || set -- "$root" "$work/sources.list"
mmdebstrap --quiet --mode=root --variant=minbase --include="$(cat "$work/packages")" \
    --aptopt="$work/apt.conf" --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --setup-hook="$merge" \
    "$release" "$@"

echo 'accounts poms and apache'
chroot "$root" groupadd --gid 1000 poms
chroot "$root" useradd --uid 1000 --gid poms --create-home --shell /bin/bash --comment 'POMS' poms
chroot "$root" usermod --password '*' poms # no password; "!" would lock the key login out as well
chroot "$root" groupadd --system --gid 48 apache
chroot "$root" useradd --system --uid 48 --gid apache --home-dir /usr/share/httpd --shell /sbin/nologin apache
chmod 0755 "$root/home/poms"

echo 'supervisor'
mkdir -p "$products/supervisor/v4_3_0"
mkdir "$root/build"
cp "$work"/downloads/supervisor-*.whl "$root/build/supervisor.whl"
chroot "$root" python3 -m zipfile -e /build/supervisor.whl /home/poms/products/supervisor/v4_3_0/lib
rm -rf "$root/build"

echo 'uWSGI, compiled on a throw-away copy of the file system'
copy=$work/compile
mkdir -p "$copy/upper" "$copy/work" "$copy/root"
cd "$work" # relative, for a path may hold what overlay's options give a meaning to
mount -t overlay overlay -o lowerdir=root,upperdir=compile/upper,workdir=compile/work "$copy/root"
mount -t proc proc "$copy/root/proc"
mount --rbind /dev "$copy/root/dev"
cp -L /etc/resolv.conf "$copy/root/etc/resolv.conf"
cp "$work/apt.conf" "$copy/root/etc/apt/apt.conf.d/99machine"
if [ -r /etc/ssl/certs/ca-certificates.crt ]; then
    cp -L /etc/ssl/certs/ca-certificates.crt "$copy/root/etc/ssl/certs/ca-certificates.crt"
fi
chroot "$copy/root" apt-get -qq update
chroot "$copy/root" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
    gcc libc6-dev libcrypt-dev libpcre2-dev libssl-dev python3-dev >"$work/apt-get.log" 2>&1 || {
    tail -n 20 "$work/apt-get.log" >&2
    exit 1
}
mkdir "$copy/root/build"
tar -xzf "$work"/downloads/uwsgi-*.tar.gz -C "$copy/root/build" --strip-components=1
chroot "$copy/root" sh -c 'cd /build && python3 uwsgiconfig.py --build' >"$work/uwsgi.log" 2>&1 || {
    tail -n 20 "$work/uwsgi.log" >&2
    exit 1
}
mkdir -p "$products/uwsgi/v2_0_31/bin"
cp "$copy/root/build/uwsgi" "$products/uwsgi/v2_0_31/bin/uwsgi"
umount -l "$copy/root/dev" "$copy/root/proc"
umount "$copy/root"
rm -rf "$copy"

echo 'the places that tools have on Red Hat'
mkdir -p "$products/python/v3/bin"
ln -s /usr/bin/python3 "$products/python/v3/bin/python"
ln -s /usr/bin/python3 "$products/python/v3/bin/python3"
for tool in ip ss; do # out of the PATH of a command by ssh
    rm -f "$root/usr/sbin/$tool"
    mv "$root/usr/bin/$tool" "$root/usr/sbin/$tool"
done
for script in $scripts; do sh "$script" "$root"; done
chroot "$root" chown -R poms:poms /home/poms
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/apt/sources.list.d/"*
rm -f "$root/etc/ssh/ssh_host_"* "$root/home/poms/.profile" "$root/home/poms/.bash_logout"
rm -rf "$root/etc/apache2" "$root/var/www/html/index.html" # the layout is Red Hat's
rm -rf "$root/var/cache/apt/archives/"*.deb "$root/var/lib/apt/lists/"*
