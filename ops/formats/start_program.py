"""The script that starts a program in the environment of the wanted version, whatever environment it is called from.

supervisord calls it for each program, and uWSGI for itself when it reloads (`binary-path`): both then run the version
that is deployed, however old their own environment is. Only a host with `software` in the inventory has it.
"""

from collections.abc import Iterable

from ops.schema import Host

NAME = "start-program"
OWN_NAMES = "POMS_OPS_OWN"  # the variable with the names that the inventory sets for a program, separated by |
# What a program keeps of its caller's environment; the names in OWN_NAMES come in addition.
KEPT = (
    *("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_[A-Z]+", "TZ", "KRB5CCNAME", "XDG_RUNTIME_DIR"),
    *(
        OWN_NAMES,
        "SUPERVISOR_[A-Z_]+",
        "UWSGI_RELOADS",
        "UWSGI_ORIGINAL_PROC_NAME",
    ),  # of supervisord, and of a reload of uWSGI
)


def start_program_path(host: Host) -> str:
    """Its path, whether the host has it or not."""
    return f"{host.config_dir}/{NAME}"


def kept_variables() -> str:
    """The names that a program keeps, as a regular expression of bash."""
    return "|".join(KEPT)


def own_names(host: Host, environment: Iterable[str]) -> str:
    """The names that supervisord sets for a program, whose `environment` they are, in addition to its own."""
    names = {*host.supervisor.environment, *environment}
    return "|".join(sorted(name for name in names if name.isidentifier() and name.isascii()))
