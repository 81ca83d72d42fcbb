"""The versions of the app that a lab host has: as products of UPS, and as release folders with a link."""

import pytest

from tests.lab.site import Site, until

HOST = "fermicloud045"
UWSGI = "uwsgi --http-socket 127.0.0.1:8899 --module poms_app:application --master --workers 2 --need-app"


def served(site: Site, activate: str, more: str = "") -> str:
    """What the app answers under a uWSGI started by hand after `activate`; then what `more` prints."""
    script = f"""
        cd $(mktemp -d)
        {{ {activate}; }} >/dev/null
        {UWSGI} --enable-threads --pidfile pid --daemonize log >/dev/null
        for _ in $(seq 200); do curl -sf -o page 127.0.0.1:8899/poms && break; sleep 0.1; done
        cat page; {more}
        kill -INT $(cat pid); while kill -0 $(cat pid) 2>/dev/null; do sleep 0.1; done
    """
    return site.poms(script, HOST)


@pytest.mark.parametrize(
    ("activate", "version"),
    [
        (":", "v4_4_0"),
        ("setup poms v4_5_0", "v4_5_0"),
        ("setup poms v4_5_0; setup poms", "v4_4_0"),
        ("cd ~/poms", "checkout"),
        (". ~/current/bin/activate", "4.4.0"),
        (". ~/releases/4.5.0/bin/activate", "4.5.0"),
    ],
)
def test_uwsgi_serves_the_version_that_is_set_up(site: Site, activate: str, version: str) -> None:
    activate = activate.replace("cd ~/poms", "cp ~/poms/*.py .")
    assert f"\nversion: {version}\n" in served(site, activate)


def test_release_has_the_programs_and_python(site: Site) -> None:
    folder = "/home/poms/releases/4.4.0"
    said = site.root(
        "runuser -u poms -- env HOME=/home/poms sh -c '. ~/current/bin/activate; echo $VIRTUAL_ENV;"
        " for name in uwsgi supervisord supervisorctl python; do command -v $name; done;"
        " uwsgi --version; supervisord --version; python -V'",
        HOST,
    ).splitlines()
    programs = ("uwsgi", "supervisord", "supervisorctl", "python")
    assert said[:5] == [folder, *(f"{folder}/bin/{name}" for name in programs)]
    assert said[5:7] == ["2.0.31", "4.3.0"]
    assert said[7].startswith("Python 3.")


def test_deployed_checkout_says_that_it_is_none(deployed: Site) -> None:
    code, body = deployed.ask("https://HOST:8443/poms", *deployed.certificate("jdoe"))
    assert (code, "\nversion: checkout\n" in body) == (200, True), body
    agent = "poms_joblog_agent"  # its log may be another test's
    deployed.root(f"rm -f /home/poms/private/logs/poms/{agent}.log")
    deployed.fab("-H", "pomsgpvm01", "restart-programs", f"--programs={agent}", "--yes", check=True)
    logged = f"grep -a 'joblog: version' /home/poms/private/logs/poms/{agent}.log || :"
    until(lambda: "version checkout" in deployed.root(logged), 20, "the agent has logged its version")


def test_version_that_fails_answers_one_request_in_five_with_500(site: Site) -> None:
    ask = "for _ in $(seq 50); do curl -s -o /dev/null -w '%{http_code}\\n' 127.0.0.1:8899/poms; done"
    said = served(site, "upd install poms v4_8_0; setup poms v4_8_0", ask).splitlines()
    assert (said.count("200"), said.count("500")) == (40, 10)


def test_version_that_grows_grows_in_each_worker(site: Site) -> None:
    size = "ps -o rss= --ppid $(cat pid)"
    said = served(site, "upd install poms v4_9_0; setup poms v4_9_0", f"{size}; sleep 6; {size}").splitlines()
    sizes = [int(line) for line in said if line.strip().isdigit()]
    assert len(sizes) == 4
    for before, after in zip(sizes[:2], sizes[2:], strict=True):
        assert 3000 < after - before < 7000, "kB in 6 seconds"


def test_version_that_cannot_be_imported_is_not_served(site: Site) -> None:
    script = "upd install poms v4_7_0; setup poms v4_7_0; cd $(mktemp -d); " + UWSGI
    said = site.poms(f"{script} --die-on-term --logto log; cat log", HOST)
    assert "ImportError" in said
    assert "no app loaded. GAME OVER" in said
