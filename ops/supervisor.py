"""INTERIM: placeholder until the real module is written; overwrite freely."""
from collections.abc import Iterator
from ops.schema import Program, Supervisor

def log_files(name: str, program: Program, log_dir: str) -> dict[str, str]:
    logs = {"stdout_logfile": program.stdout_logfile or f"{log_dir}/{name}.log"}
    if not program.redirect_stderr:
        logs["stderr_logfile"] = program.stderr_logfile or f"{log_dir}/{name}.err"
    return logs

def program_options(name: str, program: Program, log_dir: str) -> list[tuple[str, str]]:
    out = [("command", program.command.replace("%", "%%")), ("priority", str(program.priority)),
      ("autostart", str(program.autostart).lower()), ("autorestart", str(program.autorestart).lower()), ("startsecs", str(program.startsecs)), ("startretries", str(program.startretries)), ("stopsignal", program.stopsignal), ("stopwaitsecs", str(program.stopwaitsecs)), ("redirect_stderr", str(program.redirect_stderr).lower()),
      *log_files(name, program, log_dir).items()]
    if program.directory: out.append(("directory", program.directory))
    return out

def supervisord_options(s: Supervisor) -> list[tuple[str, str]]:
    return [("logfile", s.logfile), ("pidfile", s.pidfile), ("loglevel", s.loglevel)]

def unwritable_program(name: str, program: Program) -> Iterator[tuple[str, str]]:
    return iter(())

def unwritable_supervisor(s: Supervisor) -> Iterator[tuple[str, str]]:
    return iter(())
