"""What differs in effect between two hosts, whatever inventory they have."""

import re
from collections.abc import Iterable
from dataclasses import replace

from ops.importing import apache_settings, supervisor_settings, uwsgi_settings
from ops.importing.reading import HostReading
from ops.importing.settings import CRONTAB, PRODUCTS, Difference, Setting, compare

OWN_NAME = "HOST"  # stands for a host's own name in what is compared
# Where a name without a dot is the host's.
NAMED = ("servername", "serveralias", "sslcertificatefile", "sslcertificatekeyfile")


def compare_hosts(first: HostReading, second: HostReading) -> tuple[list[Setting], list[Difference]]:
    """The settings that are equal on both hosts, and those that differ; a host's own name does not count."""
    return compare(settings_of_host(first), settings_of_host(second))


def settings_of_host(reading: HostReading) -> list[Setting]:
    """All settings that were read on a host."""
    found: list[Setting] = []
    if reading.parsed is not None:
        found += supervisor_settings.settings_of(reading.parsed, reading.account.name, reading.account.number)
    for path, options in {one.path: one.options for one in reading.uwsgi}.items():
        found += uwsgi_settings.settings_of(path, options)
    if reading.apache:
        found += apache_settings.settings_of(apache_settings.directives(reading.apache))
    found += [Setting(CRONTAB, "", "line", line) for line in reading.account.crontab if not line.startswith("#")]
    found += [Setting(PRODUCTS, "", "product", line) for line in reading.account.products]
    names = _own_names(reading)
    whole, any_name = (_pattern(some) for some in ([name for name in names if "." in name], names))
    patterns = [any_name if one.name in NAMED else whole for one in found]
    return [replace(one, value=own.sub(OWN_NAME, one.value)) for one, own in zip(found, patterns, strict=True)]


def is_whole(reading: HostReading) -> bool:
    """Whether all that a comparison needs was read."""
    return reading.parsed is not None and not any(one.problem for one in reading.uwsgi)


def problems(reading: HostReading) -> list[str]:
    """What could not be read, one sentence each."""
    found = []
    if reading.parsed is None:
        found.append(f"{reading.supervisord.conf}: {reading.supervisord.problem}")
    found += [
        f"another supervisord of this account runs with {path}; it is not read" for path in reading.supervisord.others
    ]
    found += [f"{one.path}: uWSGI's own strict parser says: {one.problem}" for one in reading.uwsgi if one.problem]
    if reading.apache is None:
        found.append("there is no Apache")
    elif reading.apache.how == "files":
        why = reading.apache.problem
        found.append(f"Apache's files were read here, since it does not print its configuration: {why}")
    return found


def _own_names(reading: HostReading) -> set[str]:
    """The names that the host has for itself."""
    names = {reading.host.address, reading.host.name}
    for one in reading.apache.directives if reading.apache else []:
        if one.name.lower() == "servername" and one.words:
            names.add(re.sub(r"^[a-z]+://|:[0-9]+$", "", one.words[0]))
    return {name for name in names if name}


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    """A text that is one of the names; one without a dot may be a word of its own, as "prod"."""
    by_length = sorted(map(re.escape, names), key=len, reverse=True)
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(by_length)})(?![\w-])" if by_length else r"(?!)")
