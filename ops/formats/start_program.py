"""The script that starts a program in the environment of the wanted version, whatever environment it is called from.

supervisord calls it for each program, and uWSGI for itself when it reloads (`binary-path`): both then run the version
that is deployed, however old their own environment is. Only a host with `software` in the inventory has it.
"""

from ops.schema import Host

NAME = "start-program"
# What a program keeps of its caller's environment; the names that the inventory sets come in addition.
KEPT = (
    *("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_[A-Z]+", "TZ", "KRB5CCNAME", "XDG_RUNTIME_DIR"),
    *("SUPERVISOR_[A-Z_]+", "UWSGI_RELOADS", "UWSGI_ORIGINAL_PROC_NAME"),  # of supervisord, and of a reload of uWSGI
)


def start_program_path(host: Host) -> str:
    """Its path, whether the host has it or not."""
    return f"{host.config_dir}/{NAME}"


def kept_variables() -> str:
    """The names that a program keeps, as a regular expression of bash."""
    return "|".join(KEPT)


def own_variables(host: Host) -> list[str]:
    """The variables that the inventory sets for supervisord and its programs: they win over those of `activate`."""
    names = [*host.supervisor.environment]
    for program in host.programs.values():
        names += [*program.environment, *program.environment_secrets]
    return sorted(set(names))
