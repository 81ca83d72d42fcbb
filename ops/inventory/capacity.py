"""How many requests the hosts serve at once, compared with the connections that the database allows."""

from collections import Counter
from collections.abc import Iterable

from ops.formats.apps import views
from ops.schema import Fleet, Host

MOST_TERMS = 5  # of a sum with one term per host; a longer one is grouped


def at_once(host: Host) -> int:
    """Requests at once: of all apps, workers times threads. Each may use a connection to the database."""
    return sum(view.uwsgi.workers * view.uwsgi.threads for view in views(host))


def terms(host: Host) -> str:
    """The sum of `at_once`, a term for each app: "6 x 10 + 2 x 3"."""
    return " + ".join(f"{view.uwsgi.workers} x {view.uwsgi.threads}" for view in views(host))


def describe(hosts: Iterable[Host], fleet: Fleet) -> str:
    """The sum with its terms: "60 + 60 = 120 requests at once, of 200 database connections"."""
    numbers = [at_once(host) for host in hosts]
    terms = [str(number) for number in numbers]
    if len(terms) > MOST_TERMS:
        terms = [f"{count} x {number}" for number, count in Counter(numbers).items()]
    total = " + ".join(terms) + (f" = {sum(numbers)}" if len(numbers) > 1 else "")
    of = f", of {fleet.database_connections} database connections" if fleet.database_connections else ""
    return f"{total} requests at once{of}"


def spare(hosts: Iterable[Host], fleet: Fleet) -> int | None:
    """How many requests at once the database still allows if all hosts serve as many as they can; None: no limit."""
    limit = fleet.database_connections
    return None if limit is None else limit - sum(at_once(host) for host in hosts)


def is_over(hosts: Iterable[Host], fleet: Fleet) -> bool:
    """Whether all hosts together may use more connections than the database allows."""
    left = spare(hosts, fleet)
    return left is not None and left < 0
