"""INTERIM: placeholder until the real module is written; overwrite freely."""

from collections.abc import Iterator
from ops.schema import Uwsgi


def ini_lines(u: Uwsgi) -> list[tuple[str, str]]:
    out = [
        ("workers", str(u.workers)),
        ("threads", str(u.threads)),
        ("cheaper", str(u.cheaper)),
        ("cheaper-initial", str(u.cheaper_initial)),
        ("reload-on-as", str(u.reload_on_as)),
        ("evil-reload-on-as", str(u.evil_reload_on_as)),
    ]
    for k, v in u.options.items():
        for x in v if isinstance(v, list) else [v]:
            out.append((k, str(x).lower() if isinstance(x, bool) else str(x)))
    return out


def unwritable(u: Uwsgi) -> Iterator[tuple[str, str]]:
    return iter(())
