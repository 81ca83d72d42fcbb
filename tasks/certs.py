"""`certs`: when certificates and revocation lists expire."""

from typing import Any

from ops.errors import BadInput
from ops.monitoring.certificates import KINDS, Expiry, read_expiries
from ops.rollout import AT_ONCE, HostResult
from ops.schema import Host
from ops.ui import console
from tasks._query import PARALLEL_HELP, ask_hosts, by_host, code_of, nothing
from tasks._task import print_json, task


@task(
    help={
        "days": "Warn of what expires within this many days (0, the default: as the inventory says).",
        "all": "Show every trusted CA and revocation list, not only the first of each kind to expire.",
        "json": "Print one JSON document: per host, a list of certificates and lists, the first to expire first.",
        **PARALLEL_HELP,
    }
)
def certs(context: Any, days: int = 0, all: bool = False, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Show when host certificates, trusted CAs, revocation lists and the service provider's certificates expire.

    Exit code 2 if one expires soon, has expired or cannot be read. Without -H: all hosts of the inventory.
    """
    if not 0 <= days <= 3650:
        raise BadInput(f"--days={days}: must be from 0 to 3650. Nothing was touched.")

    def show(answers: list[HostResult[list[Expiry]]]) -> None:
        rows = [row for answer in answers for row in _rows(answer, days, everything=all)]
        if rows:
            console.table(("host", "expires in", "what", "name", "file"), rows)

    answers = ask_hosts(context, parallel, read_expiries, nothing if json else show)
    if json:
        print_json(by_host(answers, lambda answer: _facts(answer, days)))
    due = any(one.is_due(_limit(answer.host, days)) for answer in answers for one in answer.result or [])
    return code_of(answers, attention=due)


def _limit(host: Host, days: int) -> int:
    return days or host.certificates.warn_days


def _rows(answer: HostResult[list[Expiry]], days: int, *, everything: bool) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    first: set[str] = set()
    for one in answer.result or []:
        due = one.is_due(_limit(answer.host, days))
        if everything or due or one.kind in ("host", "sp") or one.kind not in first:
            rows.append(
                (answer.host.name, ("!" if due else "") + one.describe(), KINDS[one.kind], one.name, one.path)
            )
        first.add(one.kind)
    return rows


def _facts(answer: HostResult[list[Expiry]], days: int) -> object:
    return [{**vars(one), "due": one.is_due(_limit(answer.host, days))} for one in answer.result or []]
