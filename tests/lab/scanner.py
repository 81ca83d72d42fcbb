"""TLS of both ports, judged by a scanner that is not ours: sslyze, and Mozilla's "intermediate" recommendation."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from ops.project import PROJECT
from tests.lab.front import HOST, Front

SCANNER = PROJECT / ".venv/scanner/bin/sslyze"


def accepted(results: dict[str, Any], version: str) -> list[str]:
    """The cipher suites of a version, "tls_1_2" for example, that the port takes."""
    assert results[f"{version}_cipher_suites"]["status"] == "COMPLETED"
    suites = results[f"{version}_cipher_suites"]["result"]["accepted_cipher_suites"]
    return [suite["cipher_suite"]["name"] for suite in suites]


def scan(front: Front, folder: Path) -> tuple[dict[int, Any], dict[int, list[str]]]:
    """By port: what sslyze found, and in which points that differs from the recommendation."""
    record, jdoe = front.site.record(HOST), front.site.lab.certificates / "jdoe"
    targets = [f"{record.server_name}:{port}{{{record.address}}}" for port in (443, 8443)]
    certificate = ["--cert", f"{jdoe}.pem", "--key", f"{jdoe}.key"]
    found = folder / "found.json"
    said = subprocess.run(
        [SCANNER, "--mozilla_config=intermediate", *certificate, f"--json_out={found}", *targets],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    ).stdout
    rated = said.partition("COMPLIANCE AGAINST")[2]
    assert rated, said
    _, *parts = re.split(rf"{re.escape(record.server_name)}:(\d+): ", rated)
    issues = {int(port): re.findall(r"\* (\w+): ", text) for port, text in zip(parts[::2], parts[1::2], strict=True)}
    results = json.loads(found.read_text())["server_scan_results"]
    return {one["server_location"]["port"]: one["scan_result"] for one in results}, issues
