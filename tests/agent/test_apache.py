"""Apache's tasks on the host's side: what is tried before, and what is told of a failure."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent import apache, apache_renewal, apache_unit, trial_namespace
from ops.agent.apache_messages import ApacheConfiguration, ApacheRequest, ApacheStep, LockRefused, Unvalidated
from ops.agent.lock import Lock
from ops.agent.messages import Message
from ops.agent.processes import Ended
from ops.agent.service_messages import RestartSettings
from tests.agent.local_agent import ask
from tests.agent.shells import executable

# STAND-IN: it knows one unit, with EL's settings, and notes what it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>@ROOT@/systemctl.asked
case $1 in
show) printf 'KillSignal=28\\nTimeoutStopUSec=1min 30s\\n' ;;
status) printf 'Active: failed (Result: exit-code) \\033[31m%02000d\\n' 7; exit 3 ;;
esac
"""


class Apache:
    """Stand-ins for Apache: it runs as long as the file `up` is there. No trial start can be made."""

    def __init__(self, root: Path) -> None:
        self.root, self.up, self.bin = root, root / "up", root / "bin"
        self.bin.mkdir()
        self.up.touch()
        self.log = root / "error_log"
        executable(root / "configtest", "#!/bin/sh\necho Syntax OK >&2\n")
        self.command("ends", f'echo "key mismatch" >>"{self.log}"; rm -f "{self.up}"; echo "it failed"; exit 1')
        self.command("fails", "echo not today; exit 1")
        self.command("starts", f': >"{self.up}"')

    def command(self, name: str, text: str) -> None:
        """One that the inventory names."""
        executable(self.root / name, f"#!/bin/sh\necho {name} >>'{self.root}/asked'\n{text}\n")

    def request(self, *command: str, start: tuple[str, ...] = (), ports: tuple[int, ...] = ()) -> ApacheRequest:
        """To run that command; a name without "/" is one of ours."""
        words = [f"{self.root}/{command[0]}", *command[1:]]
        configuration = ApacheConfiguration(
            httpd="/nowhere", server_root="/nowhere", log_dir="/nowhere", ports=[*ports]
        )
        return ApacheRequest(
            apache=configuration,
            configtest=[f"{self.root}/configtest"],
            command=words,
            start=[*start],
            state_dir=f"{self.root}/state",
            owner="tester, reload-apache",
            validate=True,
            logs=[str(self.log)],
        )

    def ask(self, *command: str, start: tuple[str, ...] = ()) -> list[Message]:
        """The answer."""
        return list(apache.answer(self.request(*command, start=start)))

    def asked(self) -> list[str]:
        """The commands that ran."""
        return (self.root / "asked").read_text().split()


def steps(answer: list[Message]) -> list[tuple[str, str]]:
    return [(one.step, one.result) for one in answer if isinstance(one, ApacheStep)]


def step(answer: list[Message], name: str) -> ApacheStep:
    (found,) = (one for one in answer if isinstance(one, ApacheStep) and one.step == name)
    return found


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apache]:
    found = Apache(tmp_path)
    monkeypatch.setenv("PATH", f"{found.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(apache_renewal, "apache_parent", lambda: int(found.up.exists()))
    monkeypatch.setattr(apache_renewal, "sees_others", lambda: True)
    monkeypatch.setattr(trial_namespace, "UNSHARE", ["sh", "-c", "echo no namespaces; exit 1"])
    yield found
    assert not (tmp_path / "state/lock").exists() or (tmp_path / "state/lock").read_text() == ""


def test_reload_that_kills_apache_is_followed_by_restart(made: Apache) -> None:
    found = made.ask("ends", start=(f"{made.root}/starts",))
    assert steps(found) == [("configtest", "ok"), ("command", "failed"), ("start", "ok")]
    assert step(found, "command").is_up is False
    assert (made.up.exists(), made.asked()) == (True, ["ends", "starts"])


def test_apache_failure_reports_cause_and_whether_apache_is_up(made: Apache) -> None:
    found = made.ask("ends")
    assert steps(found) == [("configtest", "ok"), ("command", "failed")]
    assert (step(found, "command").is_up, "it failed" in step(found, "command").evidence) == (False, True)
    assert "key mismatch" in step(found, "command").evidence
    made.up.touch()
    found = made.ask("fails", start=(f"{made.root}/starts",))
    assert (steps(found)[1:], step(found, "command").is_up) == ([("command", "failed")], True)


def test_failed_reload_does_not_start_stopped_apache(made: Apache) -> None:
    made.up.unlink()
    found = made.ask("fails", start=(f"{made.root}/starts",))
    assert (steps(found)[1:], step(found, "command").is_up) == ([("command", "failed")], False)


@pytest.mark.parametrize(
    ("start", "result", "words"),
    [
        (("sudo", "starts"), "barred", "cannot run 'starts' without a password"),
        (("fails",), "failed", "not today"),
    ],
)
def test_apache_that_does_not_start_again_is_told(
    made: Apache, start: tuple[str, ...], result: str, words: str
) -> None:
    executable(made.bin / "sudo", "#!/bin/sh\necho a password is required >&2\nexit 1\n")
    found = made.ask("ends", start=tuple(f"{made.root}/{word}" if word == "fails" else word for word in start))
    assert step(found, "start").result == result
    assert words in step(found, "start").evidence


def test_apache_is_not_started_again_with_files_that_fail_the_test(made: Apache) -> None:
    made.command("ends", f'rm -f "{made.up}"; printf "#!/bin/sh\\nexit 1" >"{made.root}/configtest"; exit 1')
    found = made.ask("ends", start=(f"{made.root}/starts",))
    assert (steps(found)[-1], made.asked()) == (("command", "failed"), ["ends"])


def test_failed_test_runs_no_command(made: Apache) -> None:
    executable(made.root / "configtest", "#!/bin/sh\necho Syntax error; exit 1\n")
    found = made.ask("starts")
    assert steps(found) == [("configtest", "failed")]
    assert step(found, "configtest").evidence == "Syntax error"
    assert not (made.root / "asked").exists()


def test_test_alone_takes_no_lock(made: Apache) -> None:
    request = made.request("starts")
    request.command = []
    assert steps(list(apache.answer(request))) == [("configtest", "ok")]
    assert not (made.root / "state").exists()


def test_lock_of_another_task_is_told(made: Apache) -> None:
    with Lock(f"{made.root}/state", "jdoe, deploy r1"):
        (refused,) = made.ask("starts")
    assert isinstance(refused, LockRefused)
    assert "jdoe, deploy r1" in refused.owner
    request = made.request("starts")
    request.state_dir = f"{made.up}/x"
    (refused,) = apache.answer(request)
    assert isinstance(refused, LockRefused)
    assert "Not a directory" in refused.problem


def test_missing_namespaces_are_reported_as_unvalidated(made: Apache) -> None:
    found = made.ask("starts")
    assert steps(found)[-1] == ("answers", "ok")
    assert [one.what for one in found if isinstance(one, Unvalidated)] == ["no trial start: no namespaces"]


@pytest.mark.parametrize(
    ("answers", "optional", "result"), [(True, False, "failed"), (True, True, "told"), (False, False, "told")]
)
def test_failed_trial_prevents_the_command_where_it_must_succeed(
    made: Apache, answers: bool, optional: bool, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must where a port answers now: then the files can be used, and this host allows a trial."""
    monkeypatch.setattr(apache, "what_prevents", lambda *_: "")
    monkeypatch.setattr(apache, "tls_answers", lambda _: answers)
    monkeypatch.setattr(apache, "try_start", lambda *_: Ended(1, b"key mismatch"))
    monkeypatch.setattr(apache, "problem_after", lambda *_: "")
    request = made.request("starts", ports=(443,))
    request.is_trial_optional = optional
    found = list(apache.answer(request))
    told = [one.what for one in found if isinstance(one, Unvalidated)]
    if result == "failed":
        assert (steps(found)[-1], step(found, "trial").evidence) == (("trial", "failed"), "key mismatch")
        assert not (made.root / "asked").exists()
    else:
        assert (steps(found)[-1], told) == (("answers", "ok"), ["the trial start fails: key mismatch"])


def test_port_that_does_not_answer_afterwards_is_told(made: Apache, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TRIES", 1), ("PAUSE", 0.0), ("child_starts", lambda: [2**60])):
        monkeypatch.setattr(apache_renewal, name, value)
    found = list(apache.answer(made.request("starts", ports=(1,))))
    assert steps(found)[1:] == [("command", "ok"), ("answers", "failed")]
    assert "port 1 is not answered by a process that started after the reload" in step(found, "answers").evidence


# ---- its unit of systemd -----------------------------------------------------------------------------------------


@pytest.fixture
def systemd(made: Apache, monkeypatch: pytest.MonkeyPatch) -> Apache:
    """As on a host that systemd has booted."""
    monkeypatch.setattr(apache_unit, "BOOTED", str(made.root))
    executable(made.bin / "systemctl", SYSTEMCTL.replace("@ROOT@", str(made.root)))
    made.command("systemctl", ":")
    return made


def test_restart_reports_cost_before_restarting(systemd: Apache) -> None:
    request = systemd.request("systemctl", "restart", "httpd")
    request.with_cost = True
    found = list(apache.answer(request))
    (cost,) = (one for one in found if isinstance(one, RestartSettings))
    assert (cost.signal, cost.timeout) == ("28", "1min 30s")
    assert found.index(cost) < found.index(step(found, "command"))


@pytest.mark.parametrize("start", [(), ("sudo", "systemctl", "restart", "httpd")])
def test_apache_failure_shows_unit_status_in_short_lines(systemd: Apache, start: tuple[str, ...]) -> None:
    """Named by the command that failed, or, as httpd's own reload names none, by the one that restarts it."""
    executable(systemd.bin / "sudo", "#!/bin/sh\nexit 1\n")
    systemd.command("systemctl", f"printf '%03000d\\n' 1 >>'{systemd.log}'; exit 1")
    systemd.command("httpd", "exit 1")
    words = ("httpd", "-k", "graceful") if start else ("systemctl", "restart", "httpd")
    found = step(systemd.ask(*words, start=start), "command")
    assert "Active: failed" in found.evidence
    assert max(map(len, found.evidence.splitlines())) <= 500
    assert "--no-pager" in (systemd.root / "systemctl.asked").read_text()
    assert found.is_up


def test_output_of_tools_is_no_message(made: Apache) -> None:
    executable(made.root / "configtest", """#!/bin/sh\necho '{"type":"Done","python":"3"}'; echo end; exit 1\n""")
    (answer,) = ask("dash", made.request("starts"))
    assert [(one.result, one.evidence) for one in answer.messages if isinstance(one, ApacheStep)] == [
        ("failed", '{"type":"Done","python":"3"}\nend')
    ]


def test_command_output_is_limited(made: Apache) -> None:
    made.command("loud", "head -c 3000000 /dev/zero | tr '\\0' x; exit 1")
    assert len(step(made.ask("loud"), "command").evidence) <= 20_000
