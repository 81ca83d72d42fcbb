"""The files that a new site starts with, from the inventory that comes with poms-ops."""

import re
from dataclasses import dataclass

from ops.inventory.location import INVENTORY
from ops.project import PROJECT

_HOSTS = re.compile(r"# -+ the hosts -+\n.*", re.DOTALL)
_GROUPS = re.compile(r"\[fleet\.groups\]\n(.*\n)*?\n")

README = """# The site {name}

    export POMS_INVENTORY={folder}

- `hosts.toml`: the hosts, and every value that differs from the defaults (docs/inventory.md of poms-ops).
- `templates/`: only what this site has otherwise. A file here replaces the template of poms-ops of the same path, or
  extends it: it begins with `{{% extends "toolkit:PATH" %}}` and has only the blocks that differ. A further file is
  deployed, too: `templates/home/...` to the account's home, `templates/httpd/...` to Apache's folder.

For example, `templates/httpd/_vhost.conf.j2`, for both virtual hosts:

    {{% extends "toolkit:httpd/_vhost.conf.j2" %}}
    {{% block before_app %}}
        Redirect permanent /old {{{{ host.app.path }}}}
    {{% endblock %}}

`fab render --explain` says for each file from which templates it comes. poms-ops itself stays as it is: `git pull`
there brings its next version. Keep this folder in a repository of its own: each release on a host names its commit.
"""


@dataclass(frozen=True)
class NewSite:
    """What the start of a site needs to know: its first host, the account, and the app's folder and WSGI module."""

    name: str
    address: str
    account: str
    chdir: str
    module: str


def files_of(site: NewSite, folder: str) -> dict[str, str]:
    """The files of a site, by their path in `folder`."""
    return {
        INVENTORY: _inventory(site),
        "README.md": README.format(name=site.name, folder=folder),
        "templates/.gitkeep": "",
    }


def _inventory(site: NewSite) -> str:
    text = (PROJECT / INVENTORY).read_text(encoding="utf-8")
    host = f"[hosts.{_key(site.name)}]\naddress = {_text(site.address)}\n"
    text = _HOSTS.sub(lambda found: found[0].partition("\n")[0] + f"\n\n{host}", text)
    text = _GROUPS.sub(lambda _: f"# [fleet.groups]\n# all = [{_text(site.name)}]\n\n", text)
    text = text.replace("/home/poms/poms", site.chdir).replace("/home/poms", f"/home/{site.account}")
    for key, value in (("default", site.name), ("account", site.account), ("module", site.module)):
        before, line, after = re.split(rf'^({key} = "[^"]*")', text, maxsplit=1, flags=re.MULTILINE)
        text = f"{before}{line.partition(' = ')[0]} = {_text(value)}{after}"
    return text


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    """In TOML, without an escape: what needs one is refused when the inventory is read."""
    return f'"{value}"'
