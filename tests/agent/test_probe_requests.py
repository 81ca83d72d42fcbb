"""What the answer to a request of the identity probe means."""

import pytest

from ops.agent.apache_messages import IdentityProbe, ProbeAttempt
from ops.agent.probe_requests import ACCEPTED, REJECTED, Outcome, assess

PROBE = IdentityProbe(
    issuers=[],
    authorities=[],
    lists=[],
    backends=[],
    headers=["X-Shib-Userid", "X-Mine"],
    spoofed="intruder",
    certificates={},
    attempts=[],
)


@pytest.mark.parametrize(
    ("user", "nameless", "received", "code", "words"),
    [
        (None, False, None, 0, ""),
        ("p", False, None, REJECTED, "REJECTED, but must be accepted as p"),
        ("p", False, {"HTTP_X_SHIB_USERID": "p"}, 0, ""),
        ("p", False, {}, REJECTED, "REJECTED"),
        ("p", False, {"HTTP_X_SHIB_USERID": "q"}, ACCEPTED, "GOT IN as q"),
        ("p", False, {"HTTP_X_SHIB_USERID": "p", "HTTP_X_MINE": "an Intruder"}, ACCEPTED, "X-Mine: an Intruder"),
        (None, False, {}, ACCEPTED, "GOT IN as a visitor without a name"),
        (None, False, {"HTTP_X_SHIB_USERID": "root"}, ACCEPTED, "GOT IN as root"),
        (None, True, {}, 0, ""),
        (None, True, {"HTTP_X_SHIB_USERID": "root"}, ACCEPTED, "GOT IN as root"),
    ],
)
def test_request_is_assessed_by_what_the_app_received(
    user: str | None, nameless: bool, received: dict[str, str] | None, code: int, words: str
) -> None:
    attempt = ProbeAttempt(name="x", port=443, path="/poms", user=user, nameless=nameless)
    found, problem = assess(PROBE, attempt, Outcome(received))
    assert found == code
    assert words in problem
    assert problem.startswith("port 443, /poms, x: ") or not problem
