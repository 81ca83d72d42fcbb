"""The inventory's tables of Apache's further locations and of the token door.

A door is a virtual host that visitors enter by: "login" (Shibboleth), "certificate" and "token".
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from ops.table import Table
from ops.value_types import (
    AbsolutePath,
    AppName,
    Attribute,
    AttributeValue,
    BackendUrl,
    HttpStatus,
    Network,
    Port,
    Text,
    UrlPath,
)

LOGIN, CERTIFICATE, TOKEN = "login", "certificate", "token"
USER, ANYONE = "user", "anyone"
Door = Literal["login", "certificate", "token"]


class Location(Table, frozen=True, kw_only=True):
    """A path of one or more doors: where its requests go, and who may enter.

    Its backend is one of `app` (true for the first app, or the name of another), `url` (a service on this host) and
    `folder` (its files). `allow`: "user" (whoever the door proves), "certificate" (on the login door too), or
    "anyone", who is not asked. `addresses` are the only ones that may come; each of `require_attributes` needs one of
    its values. `status`: what the smoke check accepts where nobody is asked; none: 200, or for files any that is
    Apache's own.
    """

    path: UrlPath
    on: Annotated[list[Door], Meta(min_length=1)] = field(default_factory=lambda: ["login", "certificate"])
    app: bool | AppName = False
    url: BackendUrl | None = None
    folder: AbsolutePath | None = None
    allow: Literal["user", "certificate", "anyone"] = "user"
    reason: Text | None = None
    addresses: list[Network] = []
    require_attributes: dict[Attribute, Annotated[list[AttributeValue], Meta(min_length=1)]] = {}
    status: list[HttpStatus] = []

    def __post_init__(self) -> None:
        """Raises ValueError unless there is exactly one backend."""
        if [bool(self.app), self.url is not None, self.folder is not None].count(True) != 1:
            raise ValueError("must have one of app, url and folder")


class Token(Table, frozen=True, kw_only=True):
    """The door for bearer tokens: it has only the locations that name it.

    `checked_by` "apache": a template of the site's own checks them, and the app need not.
    """

    port: Port = 9443
    checked_by: Literal["app", "apache"] = "app"
