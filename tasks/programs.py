"""`start-`, `stop-`, `restart-`, `reload-programs`, `reload-uwsgi`, `start-` and `stop-supervisord`."""

from collections.abc import Iterable
from typing import Any

from ops.errors import BadInput, OperatorError
from ops.formats.uwsgi import ini_path
from ops.rendering.renderer import render
from ops.rollout import apply_serially
from ops.schema import Host
from ops.services.reload import GRACEFUL, reload_methods
from ops.services.request_parts import uwsgi_programs
from ops.services.supervisord import Reload, Report, ask_supervisord, chosen_programs, need_supervisord
from ops.services.supervisord_state import DOWN
from ops.ssh.session import Remote, connect
from ops.ui import colours, console
from tasks._task import chosen, task

PROGRAMS_HELP = "Only these programs, by name, separated by commas."
YES_HELP = "Do not ask for confirmation for all programs; without a terminal this is required."


@task(help={"programs": PROGRAMS_HELP})
def start_programs(context: Any, programs: str | None = None) -> None:
    """Start programs, with their changed settings. Without -H: the default host."""
    _change(context.config, "start", programs)


@task(help={"programs": PROGRAMS_HELP, "yes": YES_HELP})
def stop_programs(context: Any, programs: str | None = None, yes: bool = False) -> None:
    """Stop programs; they stay stopped until start-programs. Without -H: the default host.

    Without --programs it asks for confirmation.
    """
    if programs is None:
        _confirm("Stop all programs", yes)
    _change(context.config, "stop", programs)


@task(help={"programs": PROGRAMS_HELP, "yes": YES_HELP})
def restart_programs(context: Any, programs: str | None = None, yes: bool = False) -> None:
    """Stop and start programs with their current settings; a stopped program stays stopped unless it is named.

    The app's program is stopped only after a trial start of a second uWSGI has succeeded. Without --programs it asks
    for confirmation. Without -H: the default host.
    """
    if programs is None:
        _confirm("Restart all programs", yes)
    _change(context.config, "restart" if programs else "restart-running", programs)


@task(help={"programs": PROGRAMS_HELP})
def reload_programs(context: Any, programs: str | None = None) -> None:
    """Reload the programs whose files or settings changed.

    A program that was stopped on purpose stays stopped. Without -H: the default host.
    """

    hosts = chosen(everywhere=False)
    names = {host.name: chosen_programs(host, programs) for host in hosts}

    def reload(host: Host) -> None:
        own = names[host.name]
        ways = reload_methods(host, [file.path for file in render(host, values=False) if file.service == "programs"])
        with connect(host, context.config) as remote:
            report = _ask(
                remote,
                "reload-changed",
                own if programs else [],  # none: also programs that are no longer in the inventory
                [way for way in ways if way[0] in own and way[1] != GRACEFUL],
                [name for name in uwsgi_programs(host) if name in own],
            )
        _report(host, report, "nothing to do: no program's files or settings changed")

    apply_serially(hosts, reload)


@task()
def reload_uwsgi(context: Any) -> None:
    """Reload uWSGI's configuration and the app without losing a request, and wait until the new workers serve.

    A second uWSGI serves during the reload. If it does not start, the running workers stay as they are. Without -H:
    the default host.
    """
    hosts = chosen(everywhere=False)
    for host in hosts:
        if not uwsgi_programs(host):
            raise BadInput(
                f"{host.name}: no program runs uwsgi with {ini_path(host)} and has reload_signal = HUP. "
                "Nothing was touched."
            )
        if host.spare_requests == 0:
            named = ",".join(uwsgi_programs(host))
            raise BadInput(
                f"{host.name}: fleet.database_connections leaves no connection for a second uWSGI, which would "
                f"validate the reload and serve during it. fab -H {host.name} restart-programs --programs={named} "
                "restarts the only one, if you agree. Nothing was touched."
            )

    def reload(host: Host) -> None:
        with connect(host, context.config) as remote:
            _report(host, _ask(remote, "reload-uwsgi", uwsgi_programs(host)), "nothing to do")

    apply_serially(hosts, reload)


@task()
def start_supervisord(context: Any) -> None:
    """Start supervisord and its programs, if it is not running. Without -H: the default host.

    Refuses if a supervisord runs without its socket, or if programs of a killed one still run: all would run twice.
    """

    def start(host: Host) -> None:
        with connect(host, context.config) as remote:
            report = ask_supervisord(remote, "start-supervisord")
        if report.supervisord != DOWN or report.orphans:
            need_supervisord(host, report)
        if report.supervisord == "up":
            console.say(f"{host.name}: supervisord is already running, process {report.pid}", colours.OK)
            return
        _report(host, report, "supervisord started")

    apply_serially(chosen(everywhere=False), start)


@task(help={"yes": "Do not ask for confirmation; without a terminal this is required."})
def stop_supervisord(context: Any, yes: bool = False) -> None:
    """Stop all programs, then supervisord itself. Without -H: the default host.

    It stays stopped until start-supervisord, a deploy, or a boot (if the host starts it at boot).
    """
    _confirm("Stop supervisord and all programs", yes)

    def stop(host: Host) -> None:
        with connect(host, context.config) as remote:
            report = ask_supervisord(remote, "stop-supervisord")
        if report.supervisord == DOWN and not report.orphans:
            console.say(f"{host.name}: supervisord was not running", colours.OK)
            return
        need_supervisord(host, report)
        _report(host, report, "no program ran")
        console.say(f"{host.name}: supervisord, process {report.pid}, has ended", colours.OK)

    apply_serially(chosen(everywhere=False), stop)


def _confirm(what: str, yes: bool) -> None:
    """Ask once for all hosts of this run. Raises OperatorError if the answer is no, or without a terminal."""
    if yes:
        return
    names = ", ".join(host.name for host in chosen(everywhere=False))
    if not console.is_terminal():
        raise BadInput(f"There is no terminal to ask on: add --yes. Nothing was touched on {names}.")
    if not console.confirm(f"{what} of {names}? Requests in progress are lost."):
        raise OperatorError(f"Not done: you said no. Nothing was touched on {names}.")


def _change(config: Any, action: str, programs: str | None) -> None:
    hosts = chosen(everywhere=False)
    names = {host.name: chosen_programs(host, programs) for host in hosts}

    def change(host: Host) -> None:
        with connect(host, config) as remote:
            report = _ask(remote, action, names[host.name])
        _report(host, report, "nothing to do: no program's files or settings changed")

    apply_serially(hosts, change)


def _ask(
    remote: Remote, action: str, names: list[str], reloads: Iterable[Reload] = (), graceful: Iterable[str] = ()
) -> Report:
    report = ask_supervisord(remote, action, names, reloads, graceful)
    need_supervisord(remote.host, report)
    return report


def _report(host: Host, report: Report, nothing: str) -> None:
    for note in report.notes:
        console.say(f"{host.name}: {note}", colours.WARNING)
    did, states = dict[str, str](), dict[str, str]()
    for fact in report.done:
        name = fact.program or "supervisord"
        did[name] = fact.did or did.get(name, "started")
        states[name] = fact.state or states.get(name, "")
    if did:
        console.table(
            ("host", "program", "done", "state"), [(host.name, name, did[name], states[name]) for name in did]
        )
    else:
        console.say(f"{host.name}: {nothing}", colours.OK)
