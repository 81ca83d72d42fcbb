"""What the operator agrees to: for one host, or at once for all the following ones that would change the same."""

from collections.abc import Sequence

from ops.deploy.plan import Plan
from ops.errors import HostError
from ops.ui import console
from tasks._plan_view import Seen, fingerprint, review


class InterruptedAtQuestion(HostError):
    """Ctrl-C came while the operator was asked."""

    code = 130
    ended = "not done"


class Agreement:
    """The answers of one run, and the diffs that were `shown` in it; `hosts` are changed one after the other."""

    def __init__(self, hosts: Sequence[str] = ()) -> None:
        self.shown: Seen = {}
        self._hosts = list(hosts)
        self._all: dict[tuple[object, ...], str] = {}  # what was agreed to for all, and on which host

    def ask(self, plan: Plan) -> None:
        """Show the plan and ask, unless the same was agreed to for all. Raises HostError where it is not wanted."""
        name, asked = plan.host.name, fingerprint(plan)
        agreed = self._all.get(asked, "")
        try:
            if self._all and not agreed:
                console.say(f"{name}: not the same as what you agreed to for all", "bold yellow")
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
            question += f" (a: also to {', '.join(following)}, where it is the same)"
        return console.choose(question, "yna" if following else "yn")
