"""The apps of a host, each as a view: the host with that app as `app`, and its uWSGI as `uwsgi`.

What is done for one app takes such a view, and needs to know of no other. The host itself is the view of its first
app, [app] of the inventory, whose name is MAIN; the others are [apps.NAME].
"""

from msgspec.structs import asdict, replace

from ops.door_tables import Location
from ops.schema import App, Host

MAIN = "service"  # as in uwsgi-service.ini, the name in the production document
Key = tuple[str, ...]


def views(host: Host) -> list[Host]:
    """A view for each app, the first app first."""
    return [host, *(view_of(host, name) for name in host.apps)]


def view_of(host: Host, name: str) -> Host:
    """The view of the app `name`. Raises KeyError if there is none."""
    if name == MAIN:
        return host
    values = asdict(host.apps[name])
    uwsgi, path = values.pop("uwsgi"), values.pop("path")
    return replace(host, app=App(**values, path=path or ""), uwsgi=uwsgi, app_name=name)


def with_pages(host: Host) -> list[Host]:
    """The views of the apps that have pages in Apache; a path before those below it, as Apache wants it."""
    return sorted((view for view in views(host) if view.app.path), key=lambda view: view.app.path)


def locations(host: Host) -> dict[str, Location]:
    """The inventory's locations, and those of the further apps' own paths, by their keys in the inventory."""
    own = {f"apps.{name}": Location(path=app.path, app=name) for name, app in host.apps.items() if app.path}
    return {f"locations.{name}": one for name, one in host.locations.items()} | own


def app_of(host: Host, location: Location) -> Host:
    """The view of the app that a location leads to; the host where it leads elsewhere."""
    return view_of(host, location.app) if isinstance(location.app, str) else host


def is_main(view: Host) -> bool:
    """Whether it is the view of the first app."""
    return view.app_name == MAIN


def app_key(view: Host, *keys: str) -> Key:
    """Where the inventory has a value of the app."""
    return ("app", *keys) if is_main(view) else ("apps", view.app_name, *keys)


def uwsgi_key(view: Host, *keys: str) -> Key:
    """Where the inventory has a value of the app's uWSGI."""
    return ("uwsgi", *keys) if is_main(view) else ("apps", view.app_name, "uwsgi", *keys)
