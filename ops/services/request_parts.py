"""Parts of requests to the agent, from the inventory: supervisord's place, the app, Apache's own page and logs."""

from ops.agent.service_messages import ApachePage, App, Software, SupervisordPlace
from ops.formats import apache, uwsgi
from ops.formats.apps import views
from ops.formats.processes import all_names, stdout_log
from ops.formats.start_program import start_program_path
from ops.formats.web_program import web_process, web_program
from ops.rendering.rendered_file import supervisord_conf
from ops.schema import Host
from ops.services.reload import GRACEFUL, reload_methods


def supervisord_place(host: Host) -> SupervisordPlace:
    """Where the host's supervisord is."""
    return SupervisordPlace(
        conf=supervisord_conf(host),
        socket=host.supervisor.socket,
        state_dir=host.state_dir,
        start_program=start_program_path(host),
    )


def uwsgi_program(host: Host) -> str:
    """The process that is the app's uWSGI and can be reloaded; empty if there is none. `host` is the app's view."""
    return next((name for name, how, _ in reload_methods(host, [uwsgi.ini_path(host)]) if how == GRACEFUL), "")


def uwsgi_programs(host: Host) -> list[str]:
    """Those of all apps."""
    return [name for name in map(uwsgi_program, views(host)) if name]


def all_apps(host: Host) -> list[App]:
    """The apps of a host, the first app first."""
    return [app(view) for view in views(host)]


def apps_with_programs(host: Host) -> list[App]:
    """Those that a program of supervisord runs."""
    return [one for one in all_apps(host) if one.program]


def app(host: Host) -> App:
    """An app and its uWSGI; `host` is its view (ops/formats/apps.py)."""
    process = uwsgi_program(host)
    return App(
        name=host.app_name,
        listen=host.app.listen,
        page=apache.check_page(host),
        headers=[*host.app.check_headers.items()],
        statuses=[str(status) for status in host.app.check_status],
        ini=uwsgi.ini_path(host),
        log=(stdout_log(host, all_names(host)[process]) if process else "") or "/dev/null",
        handover=uwsgi.handover_socket(host),
        timeout=host.app.timeout,
        start=host.app.start_seconds,
        program=web_process(host),
        reloadable=process,
        own_page=apache_page(host),
        account=host.apache.account if host.app.listen.startswith("/") else "",
        start_program=start_program_path(host),
        spare_requests=host.spare_requests,
    )


def apache_page(host: Host) -> ApachePage | None:
    """The page by which Apache is asked whether it reaches the app; None if the inventory does not want that."""
    if not (host.app.check_through_apache and host.app.path and web_program(host)):
        return None
    return ApachePage(
        port=host.apache.port,
        page=apache.own_page(host),
        server_name=host.apache.server_name,
        account=host.apache.account,
        listen=host.app.listen,
    )


def software(host: Host) -> Software | None:
    """The app's software; None for a host whose inventory has none."""
    wanted = host.software
    if wanted is None:
        return None
    if wanted.product:
        return Software(version=wanted.version, product=wanted.product, setup=wanted.setup, chain=wanted.chain or "")
    return Software(version=wanted.version, folder=wanted.folder or "", link=wanted.link or "")


def apache_logs(host: Host) -> list[str]:
    """The logs that may say why Apache has ended."""
    doors = ["ssl", "cert_ssl", *(["token_ssl"] if host.token else [])]
    return [f"{host.apache.log_dir}/{name}" for name in ("error_log", *(f"{door}_error_log" for door in doors))]
