"""Validate Apache's files together before they are live, as far as this host allows.

The levels are those of ops/inventory/validation_levels.py: "none", "configtest", "trial-start", "identity-probe".
"""

from ops.agent import closed_keys, config_copy, identity_probe, staged_tree
from ops.agent.apache_messages import ProbedDoor
from ops.agent.apache_trial import configuration, try_start
from ops.agent.probe_requests import ACCEPTED, OPEN, applicable
from ops.agent.trial_namespace import last_line, what_prevents
from ops.agent.validation_failed import ValidationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.apache_messages import ApacheConfiguration, IdentityProbe, ProbeAttempt
    from ops.agent.staged_tree import FolderCopy, StagedFile


class Validation:
    """How far it got: the level `reached`; `obstacle`: why not further, or "".

    `unvalidated`: what could not be validated, one clause each; `probed`: what the identity probe sent requests for.
    """

    def __init__(self, reached: str, obstacle: str = "") -> None:
        self.reached = reached
        self.obstacle = obstacle
        self.unvalidated: list[str] = []
        self.probed: list[ProbedDoor] = []


class ApacheValidation:
    """The validation of staged files; `work` is an empty folder of the account's."""

    def __init__(self, apache: "ApacheConfiguration", files: "list[StagedFile]", work: str) -> None:
        self._apache = apache
        self._files = files
        self._work = work

    def run(self, probe: "IdentityProbe | None", no_probe: str) -> Validation:
        """Validate; without a `probe`, `no_probe` says why. Raises ValidationFailed if the new files are at fault."""
        prevented = what_prevents(self._work, self._apache.server_root, self._apache.log_dir)
        if prevented:
            return self._by_copy(f"no trial start: {prevented}")
        tree = staged_tree.lay_out_staged(self._apache.server_root, self._files, self._work)
        ended = try_start(self._apache, tree, self._work)
        if ended.code:
            return self._without_trial(ended.text)
        found = Validation("trial-start", no_probe or "no identity probe was requested")
        closed = closed_keys.find(configuration(self._apache, tree))
        found.unvalidated += closed_keys.check_pairs(closed, self._apache.server_root, self._apache.ports)
        if probe:
            self._probe(probe, tree, found)
        return found

    def _by_copy(self, obstacle: str) -> Validation:
        untested = config_copy.why_untested(self._apache, self._files, self._work)
        return Validation("none", f"{obstacle}; and {untested}") if untested else Validation("configtest", obstacle)

    def _without_trial(self, evidence: str) -> Validation:
        """The trial start fails. If it fails with the live files as well, that is no fault of the new ones."""
        live = staged_tree.lay_out(self._apache.server_root, self._files, self._work)
        ended = try_start(self._apache, live, self._work)
        if not ended.code:
            raise ValidationFailed(evidence)
        return self._by_copy(f"the trial start fails with the current files, too: {last_line(ended)}")

    def _probe(self, probe: "IdentityProbe", tree: "list[FolderCopy]", found: Validation) -> None:
        setup = identity_probe.set_up(self._apache, tree, probe, self._work)
        ended = try_start(self._apache, tree, self._work, setup)
        if not ended.code:
            sent = applicable(setup.probe, setup.other_ca)
            found.reached, found.obstacle, found.probed = "identity-probe", "", _doors(sent, ended.text)
            found.unvalidated += [
                f"left out of the identity probe: {one.name}. This host trusts no other CA; another one could "
                "impersonate anybody"
                for one in probe.attempts
                if one not in sent
            ]
            return
        if ended.code == ACCEPTED:
            raise ValidationFailed(f"{ended.text}\nThe new configuration accepts forged identities (GOT IN, above).")
        tree = staged_tree.lay_out(self._apache.server_root, self._files, self._work)
        live = try_start(self._apache, tree, self._work, identity_probe.set_up(self._apache, tree, probe, self._work))
        if live.code in (0, ACCEPTED):
            raise ValidationFailed(f"{ended.text}\nThe new configuration rejects users who are accepted today.")
        found.obstacle = f"no identity probe: it fails with the current files, too: {last_line(live)}"


def _doors(sent: "list[ProbeAttempt]", said: str) -> "list[ProbedDoor]":
    """How many requests there were for each location; `said`: which ones a template lets anyone into."""
    counts: dict[tuple[int, str], int] = {}
    for one in sent:
        counts[one.port, one.location] = counts.get((one.port, one.location), 0) + 1
    opened = [line[len(OPEN) :] for line in said.splitlines() if line.startswith(OPEN)]
    return [
        ProbedDoor(port=port, path=path, requests=count, is_open=f"{port} {path}" in opened)
        for (port, path), count in sorted(counts.items())
    ]
