"""The evidence of an Apache that failed."""

import os
import time
from pathlib import Path

from ops.agent.apache_failure import WIDEST, end_of_log, why


def test_end_of_log_has_earlier_errors_and_short_lines(tmp_path: Path) -> None:
    log = tmp_path / "error_log"
    lines = ["an ERROR long ago", *["x"] * 100, "unable to bind", *["y"] * 20, "z" * 3000, *["last"] * 4]
    log.write_text("\n".join(lines) + "\n")
    shown = end_of_log(str(log)).splitlines()
    assert shown[1:] == ["unable to bind", "y", "z" * WIDEST, *["last"] * 4]


def test_only_logs_written_since_are_shown(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for log in (old, new):
        log.write_text("the reason\n")
    os.utime(old, (1, 1))
    shown = why(["true"], [], [str(old), str(new), "/none"], time.time() - 5)
    assert (str(new) in shown, str(old) in shown) == (True, False)
