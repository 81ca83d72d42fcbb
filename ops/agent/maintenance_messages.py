"""The request to switch the maintenance page on or off, and its answers."""

from ops.agent.messages import Message


class MaintenanceState(Message):
    """Maintenance that is on: who switched it on, since and until when, and why.

    Times are in seconds since 1970, None if unknown or without an end.
    `since_text` and `until_text` are the same in the host's zone.
    """

    by: str = ""
    since: "int | None" = None
    since_text: str = ""
    until: "int | None" = None
    until_text: str = ""
    message: str = ""


class MaintenancePages(Message):
    """What is written to switch it on: the page in HTML and as text, and the value of Retry-After."""

    html: str
    text: str
    retry_after: str


class MaintenanceRequest(Message):
    """Look, or with `action` "on" or "off" switch the maintenance page whose files are in `folder`.

    For "on", `pages` and `state` are what Apache shows and what is recorded. To look, `until` is the wanted end: so
    many seconds from now, "HH:MM" or "YYYY-MM-DD HH:MM:SS", which may have a zone ("+0000") behind it. Apache's files
    are in `conf_d`; a virtual host knows the page if it has the text `known_by`. `account` runs Apache; it is asked
    on `port` for the `page` of `server_name`.
    """

    folder: str
    conf_d: str
    known_by: str
    account: str
    port: int
    server_name: str
    page: str
    action: str = ""
    until: "int | str | None" = None
    pages: "MaintenancePages | None" = None
    state: "MaintenanceState | None" = None


class MaintenanceFound(Message):
    """What a look finds at the time `now`: the ports whose files know the page, and the maintenance that is on.

    `until`: the wanted end; `problem`: why it is none.
    """

    now: int
    now_text: str
    ports: "list[int]"
    state: "MaintenanceState | None" = None
    until: "int | None" = None
    until_text: str = ""
    problem: str = ""


class MaintenanceSwitched(Message):
    """The switch is done; `problem`: why not, and nothing has changed.

    `before`: the maintenance that was on. `is_shown`: Apache gives the page to a visitor. If not: the `status` that a
    visitor gets, `why`, as far as it is known, and SELinux's mode.
    """

    problem: str = ""
    before: "MaintenanceState | None" = None
    is_shown: bool = False
    status: int = 0
    why: str = ""
    selinux: str = ""
