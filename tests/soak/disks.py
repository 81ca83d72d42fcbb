"""File systems of a lab host's own: they can be filled, and they lose what was not synced when the power goes.

The host's home and Apache's folder are ext4 images, mounted in the host's own mount namespace. ext4's shutdown (the
one that xfstests uses, with NOLOGFLUSH) ends a file system at once: neither data nor the journal is written any more,
so that the next mount finds what had been synced, and nothing of what the kernel still held. `commit=300` has the
kernel hold it for long, and `noauto_da_alloc` takes away ext4's own help for programs that rename without a sync.
"""

import contextlib
import errno
import fcntl
import os
import struct
import subprocess
from pathlib import Path

FOLDERS = {"home": "/home", "conf.d": "/etc/httpd/conf.d"}
MEGABYTES = {"home": 64, "conf.d": 4}
OPTIONS = "commit=300,noauto_da_alloc"
SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
FILLER = ".soak-filler"


def make_disks(folder: Path) -> str:
    """Make the images in a host's folder of the lab, before its first start; "", or why there are none."""
    why_not = _try(folder)
    if why_not:
        return why_not
    for name, size in MEGABYTES.items():
        _make(folder / f"{name}.img", size)
    (folder / "disks").write_text(OPTIONS)
    return ""


def _try(folder: Path) -> str:
    """Why this machine mounts no image; "" where it does."""
    image, place = folder / "trial.img", folder / "trial"
    place.mkdir(parents=True)
    try:
        _make(image, 4)
        subprocess.run(["mount", "-o", "loop", image, place], check=True, capture_output=True, text=True)
        subprocess.run(["umount", place], check=True, capture_output=True, text=True)
    except OSError as error:
        return str(error)
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip()
    finally:
        image.unlink(missing_ok=True)
        place.rmdir()
    return ""


def _make(image: Path, size: int) -> None:
    with image.open("wb") as file:
        file.truncate(size << 20)
    command = ("mkfs.ext4", "-q", "-F", "-m", "0", image)
    subprocess.run(command, check=True, capture_output=True, text=True)


def cut(root: Path) -> None:
    """End the file systems of the host whose root is seen at `root`, without writing what is not written."""
    opened = [os.open(root / folder.lstrip("/"), os.O_RDONLY) for folder in FOLDERS.values()]
    for descriptor in opened:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
    for descriptor in opened:
        os.close(descriptor)


def fill(folder: Path) -> None:
    """Leave no space in the folder's file system."""
    size = 1 << 26
    with contextlib.suppress(FileNotFoundError), (folder / FILLER).open("ab", buffering=0) as file:
        while size >= 1024:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EFBIG):
                    raise
                size //= 2


def free(folder: Path) -> None:
    """Give the space back."""
    (folder / FILLER).unlink(missing_ok=True)
