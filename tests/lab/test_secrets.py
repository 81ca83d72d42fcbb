"""Secrets on the way to a real host: they arrive, and nobody sees them."""

import stat
from pathlib import Path

import pytest

from tests.lab.site import Said, Site

PLACE = "/home/poms/private/config/poms/db.ini"
TEMPLATE = """# {{ managed }}
[db]
name = {{ host.account }}
url = db://u:{{ secrets.db }}@db/poms
key = {{ secrets.tls }}
"""
KEY = "-----BEGIN KEY-----\nMIIElion-lion-lion\n-----END KEY-----"
STATE = "/home/poms/private/poms-ops"


@pytest.fixture
def checkout(deployed: Site, tmp_path: Path) -> Path:
    """A checkout with one more template, which uses two secrets."""
    return deployed.checkout(tmp_path, {"home/private/config/poms/db.ini.j2": TEMPLATE})


@pytest.fixture
def inventory(deployed: Site, tmp_path: Path) -> Path:
    """The lab's inventory with the two, one from a command that notes each run and one from a file."""
    (tmp_path / "give").write_text(f"#!/bin/sh\necho run >>{tmp_path}/runs\ncat {tmp_path}/value\n")
    (tmp_path / "give").chmod(0o700)
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "value").write_text("tiger-tiger\n")
    secrets = '[defaults.secrets]\ndb = { command = ["./give"] }\ntls = { file = "key" }\n[defaults.identity]'
    return deployed.changed(tmp_path, ("[defaults.identity]", secrets))


def test_secret_is_deployed_and_never_shown(deployed: Site, checkout: Path, inventory: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def fab(*words: str) -> Said:
        done = deployed.fab("-H", "pomsgpvm01", *words, inventory=inventory, project=checkout)
        said.append(done.all)
        return done

    for words in (("status",), ("render",), ("releases",), ("tail-logs",)):
        assert fab(*words).code == 0
    assert "url = db://u:⟦secret db⟧@db/poms\nkey = ⟦secret tls⟧\n" in said[1]
    assert not (tmp_path / "runs").exists()

    first = fab("deploy", "--yes")
    assert first.code == 0, first.all
    assert "+url = db://u:***@db/poms" in first.out
    assert deployed.read(PLACE).endswith(f"url = db://u:tiger-tiger@db/poms\nkey = {KEY}\n")
    assert deployed.root(f"stat -c '%a %U' {PLACE}") == "600 poms\n"
    assert (tmp_path / "runs").read_text() == "run\n"
    assert fab("drift").code == 0

    (tmp_path / "value").write_text("hunter-hunter\n")
    seen = fab("diff")
    assert seen.code == 2
    assert "  -url = db://u:***@db/poms\n  +url = db://u:***@db/poms\n   key = ***\n" in seen.out
    assert fab("deploy", "--yes").code == 0
    assert "hunter-hunter" in deployed.read(PLACE)
    back = fab("rollback", "--yes")
    assert back.code == 0, back.all
    assert "  -url = db://u:***@db/poms\n  +url = db://u:***@db/poms\n" in back.out
    assert "tiger-tiger" in deployed.read(PLACE)

    deployed.root(f"sed -i 's/tiger-tiger/by-hand-by-hand/; s/name = poms/name = pomsdb/' {PLACE}")
    edited = fab("deploy", "--yes")
    assert (edited.code, "edited on the host" in edited.err) == (1, True), edited.all
    assert "-name = ***" in edited.out

    out = tmp_path / "out"
    assert fab("render", f"--out={out}", "--secrets").code == 0
    written = out / f"pomsgpvm01{PLACE}"
    assert "hunter-hunter" in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600

    for secret in ("tiger-tiger", "hunter-hunter", "by-hand-by-hand", "lion-lion"):
        assert not [text for text in said if secret in text]
        found = deployed.root(f"grep -rl {secret} / --exclude-dir=proc --exclude-dir=sys 2>/dev/null || :")
        for path in found.split():
            assert path.startswith((f"{STATE}/objects/", f"{STATE}/releases/", PLACE)), path
            assert deployed.root(f"stat -c %a '{path}'") == "600\n"
            assert not path.endswith(("/meta", "/journal", "/log", "/manifest"))


def test_secret_in_output_of_host_tools_is_masked(deployed: Site, checkout: Path, inventory: Path) -> None:
    path = "httpd/conf.d/zz_secret.conf.j2"
    (checkout / "templates" / path).write_text("<Directory />\n  AllowOverride {{ secrets.db }}\n</Directory>\n")
    said = deployed.fab("deploy", "--yes", "--force", inventory=inventory, project=checkout)
    assert said.code == 1
    assert "Illegal override option ***" in said.err
    assert "tiger" not in said.all


def test_unavailable_secret_stops_deploy_before_connecting(
    deployed: Site, checkout: Path, inventory: Path, tmp_path: Path
) -> None:
    (tmp_path / "give").write_text("#!/bin/sh\necho tiger-tiger; echo tiger-tiger >&2; exit 2\n")
    said = deployed.fab("deploy", "--yes", inventory=inventory, project=checkout)
    assert said.code == 3
    assert f"secrets.db: its command ({tmp_path}/give) ended with exit code 2" in said.err
    assert "tiger" not in said.all
