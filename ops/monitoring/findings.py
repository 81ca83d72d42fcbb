"""The result of one check on a host: its level, what was found, and what to do."""

from dataclasses import dataclass, replace

from ops.formats.apps import is_main
from ops.schema import Host

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: OK, WARNING (it works, but needs attention) or ERROR; and what to do."""

    what: str
    level: str
    found: str
    advice: str = ""


def of_app(view: Host, finding: Finding) -> Finding:
    """The finding, with the app's name if it is about a further app: "workers of agent"."""
    return finding if is_main(view) else replace(finding, what=f"{finding.what} of {view.app_name}")
