#!/bin/sh
# Take away what EL8 has not: dash as /bin/sh, a Python in PATH, and an unshare that maps users by itself.
#
# usage: build.sh ROOT   (run by lab/base/build.sh)
set -eu
root=$1

ln -sf bash "$root/usr/bin/sh"

mkdir -p "$root/usr/libexec"
python=$(chroot "$root" readlink -f /usr/bin/python3)
mv "$root$python" "$root/usr/libexec/platform-python"
rm -f "$root/usr/bin/python" "$root/usr/bin/python3" "$root/usr/bin/python3".*
for name in python python3; do
    ln -sf /usr/libexec/platform-python "$root/home/poms/products/python/v3/bin/$name"
done

mv "$root/usr/bin/unshare" "$root/usr/libexec/lab-unshare"
cat >"$root/usr/bin/unshare" <<'UNSHARE'
#!/bin/sh
# STAND-IN for util-linux 2.32's unshare: the real one behind it, without the options that came later.
for option; do
    case $option in
    --map-user | --map-user=* | --map-group | --map-group=* | --map-current-user | --keep-caps | -c)
        echo "unshare: unrecognized option '$option'" >&2
        echo "Try 'unshare --help' for more information." >&2
        exit 1
        ;;
    --) break ;;
    -*) ;;
    *) break ;;
    esac
done
exec -a unshare /usr/libexec/lab-unshare "$@"
UNSHARE
chmod 0755 "$root/usr/bin/unshare"
