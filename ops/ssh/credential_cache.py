"""Whether there can be a Kerberos ticket at all: decided by the names of files, since loading gssapi takes long.

Source: krb5.conf(5) and kerberos(7), for MIT Kerberos's defaults.
"""

import os
from collections.abc import Mapping
from pathlib import Path

CONFIG = "/etc/krb5.conf"
ANOTHER_DEFAULT = ("default_ccache_name", "default_client_keytab_name", "include")  # words of krb5.conf
CLIENT_KEYTABS = ("/var/kerberos/krb5/user/{}/client.keytab", "/var/lib/krb5/user/{}/client.keytab")


def missing_cache(environment: Mapping[str, str], user: int) -> str:
    """The credential cache file, if it does not exist; empty if there may be tickets, there or elsewhere."""
    if "KRB5_CLIENT_KTNAME" in environment or any(Path(name.format(user)).exists() for name in CLIENT_KEYTABS):
        return ""
    name = environment.get("KRB5CCNAME", "")
    if not name:
        files = environment.get("KRB5_CONFIG", CONFIG).split(":")
        if any(word in _text(file) for file in files for word in ANOTHER_DEFAULT):
            return ""
        name = f"/tmp/krb5cc_{user}"  # noqa: S108 - MIT Kerberos's own default
    kind, colon, path = name.rpartition(":")
    if (colon and kind != "FILE") or os.path.exists(path):  # noqa: PTH110 - Path's raises for an odd name
        return ""
    return path


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""
