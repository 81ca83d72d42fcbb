"""The question to the app, as deploys ask it: POMS answers 500 to nobody, and 200 to a user that it is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.site import Site

APP = "$HOME/poms/poms_app.py"
WITHOUT_A_USER = """

def _known(environ, start_response, answer=application):
    if "HTTP_X_SHIB_USERID" not in environ:
        start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [b"nobody is there\\n"]
    return answer(environ, start_response)


application = _known
"""
RESTART = "supervisorctl -s unix://$HOME/supervisor.sock restart poms_webservice"
THREADS = ("threads = 10", "threads = 9")


@pytest.fixture
def strict(deployed: Site) -> Iterator[Site]:
    """The host with an app that knows users alone."""
    deployed.poms(f"cp {APP} $HOME/kept.py; cat >>{APP} <<'END_OF_APP'\n{WITHOUT_A_USER}END_OF_APP")
    deployed.poms(RESTART)  # by hand: a task would see that it does not answer as the inventory says
    yield deployed
    deployed.poms(f"mv $HOME/kept.py {APP}")
    deployed.fab("-H", "pomsgpvm01", "restart-programs", "--yes", check=True)


def with_app(*lines: str) -> tuple[str, str]:
    return "[defaults.uwsgi]\n", "".join(f"{line}\n" for line in ("[defaults.app]", *lines, "", "[defaults.uwsgi]"))


@pytest.mark.exhaustive
def test_app_check_sends_headers_set_in_inventory(strict: Site, tmp_path: Path) -> None:
    said = strict.fab("deploy", "--yes", inventory=strict.changed(tmp_path, THREADS))
    assert (said.code, "with 500, not" in said.err) == (1, True), said.all
    assert "threads = 10" in strict.read("/home/poms/private/config/poms/uwsgi-service.ini")

    user = 'check_headers = { X-Shib-Userid = "cron user", X-Shib-Email = "a@b.org" }'
    said = strict.fab("deploy", "--yes", inventory=strict.changed(tmp_path, THREADS, with_app(user)))
    assert said.code == 0, said.all
    assert "threads = 9" in strict.read("/home/poms/private/config/poms/uwsgi-service.ini")
    assert "a@b.org" not in said.all

    other = ("threads = 10", "threads = 8"), with_app(user, "check_status = [204, 302]")
    said = strict.fab("deploy", "--yes", inventory=strict.changed(tmp_path, *other))
    assert (said.code, "with 200, not 204 or 302" in said.err) == (1, True), said.all
    said = strict.fab("reload-uwsgi", inventory=strict.changed(tmp_path, THREADS, with_app(user)))
    assert said.code == 0, said.all
