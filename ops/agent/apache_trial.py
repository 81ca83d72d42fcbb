"""A trial start of Apache with copied folders, and with throwaway keys for those that the account cannot read."""

import os
import re

from ops.agent import closed_keys
from ops.agent.apache_directives import files_in, named_in
from ops.agent.lines import to_line
from ops.agent.trial_namespace import run_in_namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.apache_messages import ApacheConfiguration, ProbeAttempt
    from ops.agent.identity_probe import ProbeSetup
    from ops.agent.processes import Ended
    from ops.agent.staged_tree import FolderCopy

IPV4 = re.compile(r"[0-9.]+\Z")
LOGS = ("ErrorLog", "TransferLog", "CustomLog")


def try_start(
    apache: "ApacheConfiguration", tree: "list[FolderCopy]", work: str, probe: "ProbeSetup | None" = None
) -> "Ended":
    """Start Apache with the tree, and send it the requests of a probe; codes as probe_requests.send's.

    Raises ValidationFailed if no throwaway key can be made.
    """
    conf = configuration(apache, tree)
    closed = closed_keys.find(conf)
    pair = closed_keys.make_trial_pair(closed, work)
    mounts = [(one.copy, one.folder) for one in sorted(tree, key=lambda one: one.folder)]
    mounts += [(pair.certificate, path) for path in closed.certificates]
    mounts += [(pair.key, path) for path in closed.keys]
    if os.path.isdir(apache.maintenance):  # the probe is about the app, not about the page in front of it
        mounts.append((_empty_folder(work), apache.maintenance))
    logs = [path.rpartition("/")[0] for path in named_in(conf, *LOGS) if path.startswith("/")]
    return run_in_namespaces(
        {
            "work": work,
            "httpd": apache.httpd,
            "server_root": apache.server_root,
            "log_dir": apache.log_dir,
            "log_folders": sorted(set(logs)),
            "ports": apache.ports,
            "mounts": mounts + (probe.covers if probe else []),
            "probe": to_line(probe.probe) if probe else "",
            "other_ca": bool(probe and probe.other_ca),
            "backends": probe.backends if probe else [],
            "addresses": _addresses(conf, probe.probe.attempts if probe else []),
        }
    )


def _empty_folder(work: str) -> str:
    path = os.path.join(work, "empty")
    os.makedirs(path, exist_ok=True)
    return path


def _addresses(conf: "list[str]", attempts: "list[ProbeAttempt]") -> "list[str]":
    """The addresses that the trial's network needs: where Apache listens, and where requests come from."""
    named = [value.rpartition(":")[0] for value in named_in(conf, "Listen")] + [one.source for one in attempts]
    return sorted({one for one in named if IPV4.match(one) and not one.startswith(("127.", "0."))})


def configuration(apache: "ApacheConfiguration", tree: "list[FolderCopy]") -> "list[str]":
    """The files that Apache reads, in the copies and in conf.d as it is."""
    return files_in(*(one.copy for one in tree), f"{apache.server_root}/conf.d")
