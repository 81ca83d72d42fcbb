"""The operator's confirmation of a plan: for one host, or for all following hosts with the same changes."""

from collections.abc import Sequence

from ops.deploy.plan import Plan
from ops.errors import HostError
from ops.ui import colours, console
from tasks._plan_view import Seen, fingerprint, review


class InterruptedAtQuestion(HostError):
    """The operator pressed Ctrl-C at the question."""

    code = 130
    ended = "not done"


class Agreement:
    """The answers of one run, and the diffs that it has `shown`; `hosts` change one after the other."""

    def __init__(self, hosts: Sequence[str] = ()) -> None:
        self.shown: Seen = {}
        self._hosts = list(hosts)
        self._all: dict[
            tuple[object, ...], str
        ] = {}  # confirmed for all hosts: fingerprint, and the host asked about

    def ask(self, plan: Plan) -> None:
        """Show the plan and ask, unless the same was confirmed for all. Raises HostError if the answer is no."""
        name, asked = plan.host.name, fingerprint(plan)
        agreed = self._all.get(asked, "")
        try:
            if self._all and not agreed:
                console.say(
                    f"{name}: the changes differ from those that you confirmed for all hosts", colours.BOLD_WARNING
                )
            review(plan, self.shown, agreed)
            answer = "y" if agreed else self._answer(name)
        except KeyboardInterrupt:
            print()
            raise InterruptedAtQuestion(name, "not done: you interrupted", left="everything") from None
        if answer == "n":
            raise HostError(name, "not done: you said no", left="everything", outcome="not done")
        if answer == "a":
            self._all[asked] = name

    def _answer(self, name: str) -> str:
        following = self._hosts[self._hosts.index(name) + 1 :] if name in self._hosts else []
        question = f"Do this to {name}?"
        if following:
            question += f" (a: also to {', '.join(following)}, if the changes are the same)"
        return console.choose(question, "yna" if following else "yn")
