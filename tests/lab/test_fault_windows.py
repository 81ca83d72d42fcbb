"""More of the fault matrix: hand edits in each window, disks freed later, hanging imports, a standby left behind."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.faults import ALL, CERT_SSL, FILES, HOST, KINDS, STATE, STEPS, Bench, Row, ended, the_other
from tests.lab.messages import NOT_RESTORED
from tests.lab.site import until
from tests.lab.test_standby import LOG, RELOADING, busy, slow, standbys

UWSGI_INI = FILES[2]
APP = "/home/poms/poms/poms_app.py"
KINDS_NOW = list(KINDS) if ALL else ["folder"]


def held_steps(*in_make_test: str) -> list[str]:
    """All steps, the way back included, or the few that `make test` tries."""
    return [*STEPS, "put-back"] if ALL else list(in_make_test)


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", held_steps("check", "put-back"))
@pytest.mark.parametrize("kind", KINDS_NOW)
def test_a_hand_edit_is_kept_whenever_it_is_made(bench: Bench, row: Row, kind: str, step: str) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    edits = {path: f"# by hand at {step}, {kind}, {Path(path).name}" for path in (UWSGI_INI, CERT_SSL)}
    with bench.held_at(step, the_other(before)) as running:
        for path, line in edits.items():
            bench.site.root(f"echo '{line}' >>{path}")
    said = ended(running)
    for path, line in edits.items():
        folders = f"{STATE}/releases {Path(path).parent}"
        found = bench.site.root(f"grep -rlFx '{line}' {folders} || :").split()
        assert path in found or any(place in said for place in found), f"{path}: {found}\n{said}"
        bench.site.root(f"sed -i '/^# by hand/d' {path}")
    after = bench.is_whole()
    assert after, (bench.look(), said)
    assert (running.returncode == 0) == (after != before), said
    bench.assert_well(after)
    row("hand edit", step, kind, "yes", "", after == before)


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", held_steps("keep", "reload-poms_webservice")[2 if ALL else 0 :])
@pytest.mark.parametrize("kind", KINDS_NOW)
def test_a_full_disk_that_is_freed_later(bench: Bench, row: Row, small_disk: str, kind: str, step: str) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    with bench.held_at(step, the_other(before)) as running:
        bench.site.root(f"{small_disk}; (sleep 4; rm -f {STATE}/filler) >/dev/null 2>&1 &")
    said = ended(running)
    bench.site.root(f"rm -f {STATE}/filler")
    after = bench.is_whole()
    assert (running.returncode, "deployed" in said) == ((0, True) if after == the_other(before) else (1, False)), said
    assert after or NOT_RESTORED in said, said
    if not after:
        assert bench.site.fab("recover", inventory=bench.inventories[before]).code == 0
    bench.assert_well(after or before)
    row("disk full for 4 s", step, kind, "yes" if after else "no", "" if after else "yes", after in ("", before))


@pytest.fixture
def hang(bench: Bench) -> Iterator[str]:
    """Shell text after which the app, when next imported, waits for a database, and heeds no signal while it does."""
    bench.site.root(f"cp -p {APP} /root/app.py")
    yield (
        f"(echo 'import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [15])'; echo 'time.sleep(600)';"
        f" cat /root/app.py) >{APP}"
    )
    bench.site.root(f"cp -p /root/app.py {APP}")


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", held_steps("put-back"))
@pytest.mark.parametrize("kind", KINDS_NOW)
def test_an_import_that_hangs(bench: Bench, row: Row, hang: str, kind: str, step: str) -> None:
    """Before the trial, between the trial and the reload, and after it: for the way back loads it anew too."""
    bench.site.root(KINDS[kind])
    before = bench.settled()
    with bench.held_at(step, the_other(before)) as running:
        bench.site.root(hang)
    said = ended(running)
    assert bench.site.root(f"flock -n {STATE}/lock echo free || echo held").strip() == "free", said
    after = bench.is_whole()
    assert (running.returncode == 0) == (after == the_other(before)), said
    assert standbys(bench.site) == [], said
    assert "X-Shib-Userid: jdoe" in bench.site.ask("https://HOST:8443/poms", *bench.site.certificate("jdoe"))[1], said
    bench.site.root(f"cp -p /root/app.py {APP}")
    by_itself = bench.serves() == after
    if not by_itself:  # the files are back, and uWSGI could not take them in
        assert "its reload is pending" in said
        assert bench.site.fab("-H", HOST, "deploy", "--yes", inventory=bench.inventories[after]).code == 0
    bench.assert_well(after)
    row("import hangs", step, kind, "yes" if by_itself else "no", "" if by_itself else "yes", after == before)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS_NOW)
def test_a_standby_that_a_killed_deploy_has_left(bench: Bench, row: Row, kind: str) -> None:
    """It serves the files before; the next deploy ends it, and every answer is of that deploy."""
    site = bench.site
    site.root(KINDS[kind])
    before = bench.settled()
    with slow(site, 30):
        until(lambda: busy(site) == 1, 10, "uWSGI is in a request, for which its reload will wait")
        with bench.held("reload-poms_webservice", the_other(before)) as running:
            site.root(f": >{LOG}")
        until(lambda: RELOADING in site.read(LOG), 60, "the standby serves, the first uWSGI takes no new request")
        bench.agent_killed(running)
        ended(running)
        assert standbys(site)
        said = site.fab("-H", HOST, "deploy", "--yes", inventory=bench.inventories[the_other(before)])
        assert said.code == 0, said.all
        assert standbys(site) == []
        assert [bench.serves() for _ in range(8)] == [the_other(before)] * 8
        assert json.loads(site.fab("-H", HOST, "status", "--json").out)[HOST]["standbys"] == []
    bench.assert_well(the_other(before))
    row("standby left by a killed deploy", "reload-poms_webservice", kind, "no", "yes", False)
