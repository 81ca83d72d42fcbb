"""The commands of README and the guide, run as they stand there against a host of the lab."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.project import PROJECT
from tests.guide import CHANGES_FROM, RUNS, Command
from tests.lab.site import Said, Site

HOST = "pomsgpvm01"
STATE = "/home/poms/private/poms-ops"
DEPTH = "[defaults.apache]\n", "[defaults.apache]\nverify_depth = 3\n"
ASK = ("deploy", "rollback", "stop-supervisord")  # tasks that show what they would do, and ask
FLAGS_OF_FAB = ("-H", "--list", "--help")
LOOKS = [text for text in RUNS if list(RUNS).index(text) < list(RUNS).index(CHANGES_FROM)]
CHANGES = [text for text in RUNS if text not in LOOKS]


def names(site: Site) -> list[str]:
    """The releases of the host, the oldest first."""
    said = site.fab("-H", HOST, "releases", "--json", check=True)
    return [one["name"] for one in json.loads(said.out)[HOST] if one["facts"]["ended"] == "committed"]


@dataclass(frozen=True)
class Operator:
    """Somebody who types what the guide says; `release` is one to go back to."""

    site: Site
    folder: Path
    release: str

    def words(self, text: str) -> tuple[str, ...]:
        """The command as it is typed for the lab's host."""
        stands_for = {
            "HOST": HOST,
            "ID": self.release,
            "FILE": "/home/poms/private/config/poms/uwsgi-service.ini",
            "NAME": "poms_joblog_agent",
            "RELEASE": self.release,
            "DIR": str(self.folder / "rendered"),
            "TASK": "deploy",
            "/tmp/case42": str(self.folder / "case42"),
        }
        words = [HOST if word == "poms" else word for word in Command("", text).words[1:]]  # its group, of the page
        for key, value in stands_for.items():
            words = [value if word == key else word.replace(f"={key}", f"={value}") for word in words]
        task = words[2 if words[0] == "-H" else 0]
        yes = ["--yes"] if task in ASK and "--yes" not in words else []
        where = [] if words[0] in FLAGS_OF_FAB or HOST in words else ["-H", HOST]
        if task == "fetch-logs" and not any(word.startswith("--to=") for word in words):
            words.append(f"--to={self.folder}/bundles-{len(words)}")
        return (*where, *words, *yes)

    def run(self, text: str) -> Said:
        """What came of it."""
        words = self.words(text)
        for folder in (word.removeprefix("--to=") for word in words if "fetch-logs" in words and "--to=" in word):
            Path(folder).mkdir()
        return self.site.fab(*words)


@pytest.fixture(scope="module")
def operator(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The host with two releases, the running one made from the lab's inventory as it is."""
    folder = tmp_path_factory.mktemp("guide")
    said = site.fab("-H", HOST, "deploy", "--yes", "--force", inventory=site.changed(folder, DEPTH))
    assert said.code == 0, said.all
    release = names(site)[-1]
    site.fab("-H", HOST, "deploy", "--yes", check=True)
    yield Operator(site, folder, release)
    site.fab("-H", HOST, "deploy", "--yes", "--force", check=True)


def test_read_only_guide_commands_end_as_documented(operator: Operator) -> None:
    once = {operator.words(text): text for text in LOOKS}
    with ThreadPoolExecutor(4) as threads:
        said = dict(zip(once.values(), threads.map(operator.run, once.values()), strict=True))
    wrong = {text: (each.code, each.all) for text, each in said.items() if each.code != RUNS[text]}
    assert not wrong
    assert len(list(operator.folder.glob("*/*.tar.gz"))) == 4


def test_guide_commands_that_change_host_end_as_documented(operator: Operator) -> None:
    done = set()
    for text in CHANGES:
        words = operator.words(text)
        if words not in done:
            done.add(words)
            said = operator.run(text)
            assert said.code == RUNS[text], (text, said.all)


def test_saved_releases_can_be_restored(operator: Operator) -> None:
    """By the two lines of the page, with the lab's key."""
    page = (PROJECT / "docs/guide/way-back.md").read_text()
    save, restore = re.search(r"^    \(umask .*?\)$", page, re.M | re.S), re.search(r"^    ssh .* < .*", page, re.M)
    assert save
    assert restore
    site = operator.site
    lab = site.lab
    options = f"-i {lab.identity_file} -o IdentitiesOnly=yes -o UserKnownHostsFile={lab.state}/known_hosts"

    def type_in(line: str) -> None:
        line = line.replace("ssh poms@HOST", f"ssh -F none {options} poms@{site.address()}")
        line = line.replace("HOST-", f"{shlex.quote(str(operator.folder))}/HOST-")
        subprocess.run(["/bin/sh", "-c", line], check=True, timeout=60)

    before = names(site)
    type_in(save[0])
    assert (operator.folder / "HOST-releases.tar.gz").stat().st_mode & 0o077 == 0
    # Its contents, and not the folder: a test before this one may have mounted a small disk there.
    site.root(f"cp -a {STATE} {STATE}.aside; find {STATE} -mindepth 1 -delete")
    try:
        assert names(site) == []
        type_in(restore[0])
        assert names(site) == before
        assert site.root(f"stat -c '%a %U' {STATE}").split() == ["700", "poms"]
        assert site.fab("-H", HOST, "drift").code == 0
    finally:
        site.root(f"find {STATE} -mindepth 1 -delete; cp -a {STATE}.aside/. {STATE}; rm -r {STATE}.aside")
