"""The files of conf.d that hold an imported virtual host: poms-ops writes it into files of its own.

A file that has nothing else becomes an empty one, by an empty template: otherwise two files would open one port.
"""

import posixpath
from collections.abc import Sequence

from ops.agent.apache_words import Directive
from ops.importing.apache_hosts import VirtualHost
from ops.importing.imported import Imported
from ops.importing.settings import APACHE

OURS = ("ssl.conf", "cert_ssl.conf")
_ONE_LISTEN = "poms-ops' file for the port has one, too; removed on the host, a reload closes the port"


def empty_replaced(found: list[Directive], hosts: Sequence[VirtualHost], conf_d: str, into: Imported) -> None:
    """Empty each file of `conf_d` that has only these virtual hosts; name the others, and what opens their ports."""
    inside = {id(one) for each in hosts for one in each.found}
    ours = {f"{conf_d}/{name}" for name in OURS}
    replaced = set(ours)
    for path in sorted({one.file for each in hosts for one in each.found} - ours):
        others = [one for one in found if one.file == path and id(one) not in inside and not _goes_with(one)]
        if posixpath.dirname(path) == conf_d and not others:
            into.emptied.append(f"httpd/conf.d/{posixpath.basename(path)}.j2")
            replaced.add(path)
        else:
            advice = (
                f"make a template templates/httpd/conf.d/{posixpath.basename(path)}.j2 of it, without the virtual "
                "host: the same deploy then writes both; edited on the host, a reload would close the port"
            )
            into.leave_out(APACHE, f"{path} has an imported virtual host and more", advice)
    for port, path in _opened(found, {str(each.port) for each in hosts}):
        if path not in replaced:
            advice = f"make a template of that file without it: {_ONE_LISTEN}"
            into.leave_out(APACHE, f"Listen {port} in {path}", advice)


def _goes_with(one: Directive) -> bool:
    """Whether a directive is only there for the virtual hosts: their Listen, and their own beginning."""
    return one.name == "listen" or (one.name == "<virtualhost" and not one.path)


def _opened(found: list[Directive], ports: set[str]) -> list[tuple[str, str]]:
    listens = [one for one in found if one.name == "listen" and one.words]
    named = [(one.words[0].rpartition(":")[2], one.file) for one in listens]
    return [(port, path) for port, path in named if port in ports]
