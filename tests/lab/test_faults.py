"""The fault matrix: what goes wrong at which step, whether Apache's folder or only its files may be written."""

import json
from pathlib import Path

import pytest

from tests.lab.bases import exhaustive
from tests.lab.faults import AFTER_THE_SWAP, ALL, KINDS, LIMIT, STATE, STEPS, Bench, Fault, Row, ended, the_other
from tests.lab.messages import DISK_FULL, NOT_RESTORED, NOT_WRITABLE, UNTOUCHED

CHOSEN = [
    ("operator killed -9", "swap-half", "files"),
    ("line cut", "reload-poms_webservice", "folder"),
    ("agent killed -9", "reload-apache", "files"),
    ("power cut", "swap-half", "files"),
]


def cells(faults: list[str], steps: list[str]) -> list[tuple[str, str, str]]:
    """Every fault at every step, by kind so that it changes once; only the chosen ones outside of `make test-all`."""
    found = [(fault, step, kind) for kind in KINDS for fault in faults for step in steps]
    return found if ALL else [cell for cell in found if cell in CHOSEN]


FAULTS: dict[str, Fault] = {
    "operator killed -9": Bench.operator_killed,
    "line cut": Bench.line_cut,
    "agent killed -9": Bench.agent_killed,
    "power cut": Bench.power_cut,
    "Ctrl-C": Bench.ctrl_c,
}
# What the host notes as the reason, of those that it heals by itself; the next command heals the others.
BY_ITSELF = {
    "operator killed -9": "the connection to the operator was lost",
    "line cut": f"nothing was heard from the operator for {LIMIT} seconds",
    "Ctrl-C": "interrupted by the operator",
}


@pytest.mark.parametrize(("fault", "step", "kind"), cells(list(FAULTS), [*STEPS, "put-back"]))
def test_host_is_consistent_after_fault_at_any_step(bench: Bench, row: Row, fault: str, step: str, kind: str) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    # A fault while the release is recorded comes too late for the operator's side, and finds it kept.
    expected = the_other(before) if step == "commit" and fault in BY_ITSELF else before
    with bench.held_at(step, the_other(before)) as running:
        FAULTS[fault](bench, running)
        bench.let_go()
        try:
            by_itself = bench.heals() if fault in BY_ITSELF else bench.heals(2)
        finally:
            if fault == "line cut":
                bench.line_mended(running)
    said = ended(running)
    if fault in BY_ITSELF:
        assert by_itself, f"{bench.look()}\n{said}"
        if step in AFTER_THE_SWAP:
            assert BY_ITSELF[fault] in bench.last_end()
        if fault == "Ctrl-C":
            assert ("unchanged: " in said) == (step != "commit"), said
    else:
        if fault == "agent killed -9":
            first = STEPS.index("swap") + 1  # it is held in front of what the step does
            unknown = step in [*STEPS[first:], "put-back"]
            assert ("unknown; the next deploy" if unknown else UNTOUCHED) in said
        assert "did not finish" in bench.site.fab("-H", "pomsgpvm01", "diff").err
        next_one = ["recover"] if kind == "folder" else ["-H", "pomsgpvm01", "deploy", "--yes"]
        mended = bench.site.fab(*next_one, inventory=bench.inventories[before])
        assert (mended.code, "rolling it back first" in mended.out) == (0, True), mended.all
        assert "validated (none)" not in mended.out, mended.all
    bench.assert_well(expected)
    row(fault, step, kind, "yes" if by_itself else "no", "" if by_itself else "yes", expected == before)


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", ["keep", "swap", "check", "commit"] if ALL else ["keep"])
@pytest.mark.parametrize("kind", KINDS if ALL else ["folder"])
def test_full_disk_of_state_dir_leaves_host_consistent(
    bench: Bench, row: Row, small_disk: str, kind: str, step: str
) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    with bench.held(step, the_other(before)) as running:
        bench.site.root(small_disk)
    said = ended(running)
    bench.site.root(f"rm {STATE}/filler")
    after = bench.is_whole()
    if after == before:
        assert (running.returncode, DISK_FULL in said) == (1, True), said
    else:  # it needed no more space
        assert (running.returncode, "deployed" in said) == (0, True), said
    bench.assert_well(after)
    row("disk full under what is kept", step, kind, "yes", "", after == before)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS if ALL else ["folder"])
def test_full_disk_before_deploy_changes_nothing(bench: Bench, row: Row, small_disk: str, kind: str) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    bench.site.root(small_disk)
    said = ended(bench.start(the_other(before)))
    bench.site.root(f"rm {STATE}/filler")
    assert DISK_FULL in said, said
    assert "unchanged: everything" in said
    bench.assert_well(before)
    row("disk full before the deploy", "none", kind, "yes", "", True)


CONF_D_FAULTS = {
    "disk full under conf.d": "dd if=/dev/zero of=/etc/httpd/conf.d/filler bs=4k 2>/dev/null || :",
    "conf.d turned read-only": "mount -o remount,ro /etc/httpd/conf.d",
}


@pytest.mark.parametrize("step", ["swap", "swap-half"] if ALL else ["swap-half"])
@pytest.mark.parametrize("kind", KINDS if ALL else ["folder"])
@pytest.mark.parametrize("fault", exhaustive(*CONF_D_FAULTS))
def test_full_or_read_only_conf_d_leaves_host_consistent(
    bench: Bench, row: Row, fault: str, kind: str, step: str
) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    bench.site.root(
        "cp -a /etc/httpd/conf.d /tmp/conf.d; mount -t tmpfs -o size=64k tmpfs /etc/httpd/conf.d;"
        "cp -a /tmp/conf.d/. /etc/httpd/conf.d; rm -rf /tmp/conf.d"
    )
    try:
        with bench.held(step, the_other(before)) as running:
            bench.site.root(CONF_D_FAULTS[fault])
        said = ended(running)
        bench.site.root("mount -o remount,rw /etc/httpd/conf.d; rm -f /etc/httpd/conf.d/filler")
        after = bench.is_whole()
        # What is read-only in the middle, a staged file too, stays for everybody until it can be written again.
        assert after or fault == "conf.d turned read-only", (bench.look(), said)
        if not after:
            assert NOT_RESTORED in said, said
            assert bench.site.fab("recover", inventory=bench.inventories[before]).code == 0
        # A file that was staged already may need no more space.
        assert (running.returncode, "deployed" in said) == (
            (0, True) if after == the_other(before) else (1, False)
        ), said
    finally:
        bench.site.root("cp -a /etc/httpd/conf.d /tmp/conf.d; umount /etc/httpd/conf.d")
        bench.site.root("cp -a /tmp/conf.d/. /etc/httpd/conf.d; rm -rf /tmp/conf.d")
    bench.assert_well(after or before)
    row(fault, step, kind, "yes" if after else "no", "" if after else "yes", after in ("", before))


@pytest.mark.parametrize("kind", KINDS if ALL else ["files"])
def test_deploy_into_read_only_filesystem_changes_nothing(bench: Bench, row: Row, kind: str) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    bench.site.root("mount --bind /etc/httpd/conf.d /etc/httpd/conf.d; mount -o remount,bind,ro /etc/httpd/conf.d")
    try:
        said = ended(bench.start(the_other(before)))
    finally:
        bench.site.root("umount /etc/httpd/conf.d")
    assert NOT_WRITABLE in said
    assert UNTOUCHED in said
    bench.assert_well(before)
    row("conf.d read-only before", "keep", kind, "yes", "", True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS if ALL else ["folder"])
def test_configtest_failure_after_swap_is_rolled_back(bench: Bench, row: Row, kind: str) -> None:
    """The proof has passed, and somebody else's file breaks the live tree in between."""
    bench.site.root(KINDS[kind])
    before = bench.settled()
    with bench.held("configtest", the_other(before)) as running:
        bench.site.root("echo 'Nonsense on' >/etc/httpd/conf.d/zz-other.conf")
    said = ended(running)
    bench.site.root("rm /etc/httpd/conf.d/zz-other.conf")
    assert running.returncode == 1
    assert "Nonsense" in said
    bench.assert_well(before)
    row("configuration test fails", "configtest", kind, "yes", "", True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS if ALL else ["folder"])
def test_garbage_key_is_rolled_back_without_identity_probe(bench: Bench, row: Row, kind: str, tmp_path: Path) -> None:
    """Apache's own test passes, its reload says fine, and it dies."""
    bench.site.root(KINDS[kind])
    before = bench.settled()
    bench.site.root("echo garbage >/etc/grid-security/garbage.pem; chmod 644 /etc/grid-security/garbage.pem")
    text = bench.inventories[before].read_text()
    inventory = tmp_path / "hosts.toml"
    inventory.write_text(
        text.replace("[defaults.apache]\n", '[defaults.apache]\nkey = "/etc/grid-security/garbage.pem"\n')
    )
    bench.site.root("chmod 700 /usr/bin/unshare")
    try:
        said = bench.site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--unvalidated", inventory=inventory)
    finally:
        bench.site.root("chmod 755 /usr/bin/unshare; rm /etc/grid-security/garbage.pem")
    assert (said.code, "Apache has ended" in said.err) == (1, True), said.all
    assert "unchanged: " in said.err
    bench.assert_well(before)
    row("a key that is none, Apache dies", "reload-apache", kind, "yes", "", True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS if ALL else ["folder"])
def test_second_simultaneous_deploy_is_refused(bench: Bench, row: Row, kind: str) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    with bench.held("keep", the_other(before)) as running:
        second = bench.site.fab("-H", "pomsgpvm01", "deploy", "--yes", inventory=bench.inventories[the_other(before)])
        assert (second.code, "another deploy is running" in second.err) == (4, True), second.all
        assert " since 2" in second.err
    assert "deployed" in ended(running)
    bench.assert_well(the_other(before))
    row("two deploys at once", "keep", kind, "yes", "", False)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS if ALL else ["folder"])
def test_program_failing_after_reload_is_rolled_back(bench: Bench, row: Row, kind: str, tmp_path: Path) -> None:
    """It passes its trial start, serves beside the live one, and ends as soon as it is that itself."""
    bench.site.root(KINDS[kind])
    before = bench.settled()
    text = "words = open('/proc/self/cmdline').read()\nif 'trial' not in words and 'standby' not in words:\n"
    bench.site.poms(f"printf %s \"{text}    raise ImportError('only on trial')\n\" > $HOME/poms/picky.py")
    bench.site.poms("echo 'from poms_app import application' >> $HOME/poms/picky.py")
    inventory = tmp_path / "hosts.toml"
    inventory.write_text(bench.inventories[before].read_text().replace("poms_app:application", "picky:application"))
    said = bench.site.fab("-H", "pomsgpvm01", "deploy", "--yes", inventory=inventory)
    bench.site.poms("rm $HOME/poms/picky.py")
    assert (said.code, "unchanged: " in said.err) == (1, True), said.all
    assert "only on trial" in said.err, "the evidence is shown"
    assert "supervisord's programs" in said.err
    name = json.loads(bench.site.fab("-H", "pomsgpvm01", "releases", "--json").out)["pomsgpvm01"][-1]["name"]
    assert "only on trial" in bench.site.read(f"{STATE}/releases/{name}/log"), "and kept"
    bench.assert_well(before)
    row("a program never reaches RUNNING", "reload-poms_webservice", kind, "yes", "", True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS if ALL else ["folder"])
def test_failed_smoke_check_is_rolled_back(bench: Bench, row: Row, kind: str, tmp_path: Path) -> None:
    bench.site.root(KINDS[kind])
    before = bench.settled()
    folder = bench.site.lab.certificates
    who = (
        f'[[defaults.checks]]\nname = "jdoe gets in"\nport = 8443\npath = "/poms"\ntext = "X-Shib-Userid: jdoe"\n'
        f'certificate = "{folder}/jdoe.pem"\nkey = "{folder}/jdoe.key"\n\n[defaults.identity]'
    )
    text = bench.inventories[before].read_text().replace("[defaults.identity]", who)
    inventory = tmp_path / "hosts.toml"
    inventory.write_text(text.replace("CN=Lab Kerberized CA", "CN=Some Other CA"))
    said = bench.site.fab("-H", "pomsgpvm01", "deploy", "--yes", inventory=inventory)
    assert (said.code, "jdoe gets in: status 403" in said.err) == (1, True), said.all
    bench.assert_well(before)
    row("the check from outside fails", "verdict", kind, "yes", "", True)
