"""The request to read how a host is set up, whoever has done that, and its answers. Nothing there is changed."""

from ops.agent.apache_messages import WantedFile
from ops.agent.messages import Message


class ImportRequest(Message):
    """Read what this host runs: supervisord's file, uWSGI's, Apache's, the crontab and the products.

    `conf`: supervisord's file if none of this account's runs. `activate`: what sets up the products, if that works
    here. With `wanted` files, supervisord's first, only these are read, as if they were there.
    """

    conf: str
    activate: str
    httpd: str
    server_root: str
    wanted: "list[WantedFile]" = []
    grants: "list[str]" = []


class AccountReading(Message):
    """The account: its name and number, its home, and a text that `activates` the products.

    `grants`: which of the requested commands sudo grants. `crontab`: its lines; `products`: those that are set up.
    """

    name: str
    number: int
    home: str
    activates: str
    grants: "list[str]" = []
    crontab: "list[str]" = []
    products: "list[str]" = []


class SupervisordReading(Message):
    """What supervisor's own parser makes of supervisord's file `conf`, in JSON ("": see `problem`).

    `pid`: the supervisord that runs with it, or 0; `others`: the files of further ones of this account.
    """

    conf: str
    pid: int = 0
    parsed: str = ""
    problem: str = ""
    others: "list[str]" = []


class UwsgiReading(Message):
    """A file that the command of a program names for uWSGI: its options, and what uWSGI's strict parser refuses."""

    program: str
    path: str
    options: "list[tuple[str, str]]" = []
    problem: str = ""


class ApacheDirective(Message):
    """A directive with the sections around it, its name as written, its words, and its file."""

    path: "list[str]"
    name: str
    words: "list[str]"
    file: str


class ApacheReading(Message):
    """Apache's directives, from "dump" (its own, mod_info) or "files" (read here, `problem` says why).

    `authorities`: the subjects of the CA certificates that it trusts for clients.
    """

    how: str
    directives: "list[ApacheDirective]" = []
    problem: str = ""
    authorities: "list[str]" = []
