"""The products' own habits, which the lab's stand-in for UPS has: no task fails of them."""

import pytest

from tests.lab.site import Site, until

HOST = "fermicloud045"


def environment_of(site: Site, process: str) -> dict[str, str]:
    text = site.root(f"tr '\\0' '\\n' </proc/$(pgrep -o -u poms -f '{process}')/environ", HOST)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def test_tasks_start_uwsgi_without_product_variables(site: Site) -> None:
    site.fab("-H", HOST, "deploy", "--yes", "--force", check=True)
    # Another test may have started it by a version's own environment.
    site.fab("-H", HOST, "stop-supervisord", "--yes", check=True)
    site.fab("-H", HOST, "start-supervisord", check=True)
    site.fab("-H", HOST, "start-programs", check=True)
    site.fab("-H", HOST, "reload-uwsgi", check=True)
    site.fab("-H", HOST, "restart-programs", "--yes", check=True)
    assert "UWSGI_DIR" in site.poms("env", HOST)
    started = environment_of(site, "bin/supervisord")
    assert "SETUP_UWSGI" in started
    assert [name for name in started if name.startswith("UWSGI_")] == []


@pytest.mark.exhaustive
def test_supervisord_runs_uwsgi_without_product_variables(site: Site) -> None:
    """It was started by hand or by cron, as the products have it."""
    site.fab("-H", HOST, "deploy", "--yes", "--force", check=True)
    site.poms("supervisorctl -s unix:///home/poms/supervisor.sock shutdown", HOST)
    until(lambda: not site.processes("supervisord", HOST), 60, "supervisord ends")
    site.poms("supervisord -c /home/poms/supervisord.conf", HOST)
    site.fab("-H", HOST, "restart-programs", "--yes", check=True)
    assert "UWSGI_DIR" in environment_of(site, "bin/supervisord")
    running = environment_of(site, "uwsgi --ini")
    assert "SETUP_UWSGI" in running
    assert [name for name in running if name.startswith("UWSGI_")] == []
    site.fab("-H", HOST, "reload-uwsgi", check=True)
