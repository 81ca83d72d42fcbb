"""The app's versions on this host: whether the wanted one is installed, which one is current, and what runs."""

from ops.agent.program_versions import program_versions
from ops.agent.service_messages import SoftwareState
from ops.agent.software import current, is_installed
from ops.agent.step_failed import StepFailed
from ops.agent.supervisord_rpc import Refused, Server, full_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.service_messages import Software, SupervisordPlace


def software_state(software: "Software", place: "SupervisordPlace") -> SoftwareState:
    """All of it; what cannot be found out is a `problem`."""
    found = SoftwareState(running=program_versions(software, running_programs(place)))
    try:
        found.is_installed = is_installed(software, software.version, place.state_dir)
        found.current = current(software)
    except StepFailed as failed:
        found.problem = failed.evidence.strip().rpartition("\n")[2]
    return found


def running_programs(place: "SupervisordPlace") -> "dict[str, int]":
    """supervisord's running programs, each with its process; none if supervisord cannot be asked."""
    try:
        return {full_name(one): int(one["pid"]) for one in Server(place)("getAllProcessInfo") if one["pid"]}
    except (OSError, Refused, TypeError, LookupError):
        return {}
