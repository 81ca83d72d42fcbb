"""What several apps of one host must have in common, and apart."""

from collections.abc import Iterator

from ops.formats import apache, apps, uwsgi
from ops.formats.web_program import web_program
from ops.schema import Host

Rule = tuple[tuple[str, ...], str]


def contradictions(host: Host) -> Iterator[Rule]:
    """Values of [apps.NAME] that contradict the rest of the inventory: (path of keys, rule)."""
    asked: dict[str, Host] = {}  # page to the first app that is asked for it
    for view in apps.views(host):
        if not apps.is_main(view):
            yield from _own(view)
        if not (view.app.path and view.app.check_through_apache):
            continue
        first = asked.setdefault(apache.check_page(view), view)
        if first.app.path != view.app.path:  # two apps with one path are told of that
            rule = f"is also what {'.'.join(apps.app_key(first))} is asked for"
            yield apps.app_key(view, "check_path"), rule


def _own(view: Host) -> Iterator[Rule]:
    if not view.app.path and not view.app.check_path:
        rule = "must be given without path: the page that shows whether the app answers"
        yield apps.app_key(view, "check_path"), rule
    if web_program(view) is None:
        yield apps.app_key(view), f"needs a program that runs uWSGI with {uwsgi.ini_path(view)}, its own file"
