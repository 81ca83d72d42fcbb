"""The page by which the host asks Apache for an app, as Apache's current files name it."""

from pathlib import Path
from typing import Any, cast

from ops.agent.change_checks import as_it_is_now
from ops.agent.service_messages import ApachePage

PAGE = '<Location "/poms-ops/{0}">\n    ProxyPass "{1}/{0}" retry=0\n</Location>\n'


class Deployed:
    """A change whose manifest has one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, name: str) -> list[str]:
        """The lines of the manifest, and of no other file."""
        return [f"{'0' * 64} 0644 {self._path}"] if name == "manifest" else []


def test_of_several_apps_the_page_is_that_of_the_app_that_listens_there(tmp_path: Path) -> None:
    conf = tmp_path / "ssl.conf"
    targets = {
        "a": "uwsgi://127.0.0.1:8888",
        "b": "uwsgi://127.0.0.1:888",
        "c": "unix:/run/x/app.sock|uwsgi://p",
        "d": "unix:/x/app.sock|uwsgi://p",
    }
    conf.write_text("".join(PAGE.format(name, target) for name, target in targets.items()))
    change = cast("Any", Deployed(conf))
    for name, listen in {"b": "127.0.0.1:888", "a": "127.0.0.1:8888", "d": "/x/app.sock"}.items():
        page = ApachePage(port=443, page="/new", server_name="x", account="poms", listen=listen)
        assert as_it_is_now(change, page).page == f"/poms-ops/{name}"
