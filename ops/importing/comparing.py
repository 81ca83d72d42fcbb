"""What differs in effect between two hosts, whatever inventory they have."""

import re

from ops.importing import apache_settings, supervisor_settings, uwsgi_settings
from ops.importing.reading import HostReading
from ops.importing.settings import CRONTAB, PRODUCTS, Difference, Setting, compare

OWN_NAME = "HOST"  # stands for a host's own name in what is compared


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
    own = _own_names(reading)
    return [Setting(one.of, one.place, one.name, own.sub(OWN_NAME, one.value), one.written) for one in found]


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


def _own_names(reading: HostReading) -> re.Pattern[str]:
    """The names that the host has for itself."""
    names = {reading.host.address, reading.host.name}
    for one in reading.apache.directives if reading.apache else []:
        if one.name.lower() == "servername" and one.words:
            names.add(re.sub(r"^[a-z]+://|:[0-9]+$", "", one.words[0]))
    by_length = sorted((re.escape(name) for name in names if name), key=len, reverse=True)
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(by_length)})(?![\w-])")
