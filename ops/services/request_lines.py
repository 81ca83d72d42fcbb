"""Lines that several requests to a host share: paths, and Apache's commands."""

from collections.abc import Iterator

from ops.rendering.rendered_file import supervisord_conf
from ops.schema import Host


def directory_lines(host: Host) -> Iterator[str]:
    """The paths that every request contains."""
    yield f"supervisord_conf {supervisord_conf(host)}"
    yield f"supervisor_socket {host.supervisor.socket}"
    yield f"activate {host.activate}"


def apache_directory_lines(host: Host) -> Iterator[str]:
    """Apache's directories."""
    yield f"apache_root {host.apache.server_root}"
    yield f"apache_run {host.apache.server_root}/run"
    yield f"apache_logs {host.apache.log_dir}"


def apache_logs(host: Host) -> list[str]:
    """The logs that may say why Apache has ended."""
    return [f"{host.apache.log_dir}/{name}" for name in ("error_log", "ssl_error_log", "cert_ssl_error_log")]


def apache_lines(host: Host, action: str) -> Iterator[str]:
    """Apache's commands in a request; `action` is "restart", "reload" or "" for only the test.

    `apache_start` starts an Apache that has ended: a reload does not do so on every system.
    """
    yield from (f"configtest {word}" for word in host.apache.configtest)
    command = {"restart": host.apache.restart, "reload": host.apache.reload or host.apache.restart, "": []}[action]
    yield from (f"apache {word}" for word in command)
    yield from (f"apache_start {word}" for word in host.apache.restart)
