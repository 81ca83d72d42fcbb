"""The places of supervisord's and uWSGI's files, which a host that was set up by hand has where it likes."""

from collections.abc import Callable, Iterator

from ops.schema import Host

Location = tuple[str, ...]


def rules(host: Host, written: Callable[[Location], bool]) -> Iterator[tuple[Location, str]]:
    """(path of keys, rule) for each place that is `written` in the inventory, and that the file cannot have."""
    folders = (host.home, host.config_dir, host.log_dir, host.state_dir, host.maintenance.folder)
    apache = (f"{host.apache.server_root}/", f"{host.apache.conf_d}/")
    for key, path in (("supervisor", host.supervisor.file), ("uwsgi", host.uwsgi.file)):
        if path.startswith(apache) and written((key, "file")):
            yield (key, "file"), "must not be in a folder of Apache's, for its place says what reads it"
        if any(f"{folder}/".startswith(f"{path}/") for folder in folders):
            yield (key, "file"), "must not be one of the host's folders, or above one"
    if ":" in host.uwsgi.file and written(("uwsgi", "file")):
        yield ("uwsgi", "file"), "must not contain a colon: uWSGI reads the text after it as a section of its file"
    if host.supervisor.file == host.uwsgi.file:
        yield ("uwsgi", "file"), "must not be supervisord's own file"
