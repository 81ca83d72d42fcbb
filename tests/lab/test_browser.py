"""A person's way in, whole: sent to the identity provider, back after the login, and to the app who they are."""

import base64
import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from lab import browser
from lab.certificates import self_signed, write_pair
from lab.host import folder, read_records
from lab.place import PROVIDER
from tests.lab.answers import ALTERED, Altered, attribute, signed
from tests.lab.bases import exhaustive
from tests.lab.login import Form, Visitor, session
from tests.lab.site import Site

PAGE = "https://pomsgpvm01.poms.example/poms"
LOGIN = "https://idp.poms.example/sso?SAMLRequest="
REFUSED, HAS_NO_ID = 500, 401  # mod_shib's page for an answer that it does not take, Apache's for a session
JDOE = ["X-Shib-Userid: jdoe", "X-Shib-Email: jdoe@poms.example", "X-Shib-Name-First: Jane", "X-Shib-Name-Last: Doe"]
ZOE = ["X-Shib-Userid: zoe", "X-Shib-Email: zoe@poms.example", "X-Shib-Name-First: Zoë"]
NO_IDS = ("", "Jdoe", "jdoe ", "jdoe&#10;", "jdoe&#13;", "jdoe&#x2028;", "jdoe&#10;root", "jdoe;root", "j" * 33)


@pytest.fixture(scope="module")
def front(site: Site) -> Site:
    """pomsgpvm01 with the lab's inventory deployed; of the other host only its shibd is asked."""
    site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--force", check=True)
    site.fab("-H", "pomsgpvm01", "start-programs", check=True)
    return site


@pytest.fixture
def chromium(front: Site, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Debian's Chromium as lab/state/browser starts it, but without a window, and in the provider's network.

    There it can reach nothing but the lab, and does not notice when another lab's interfaces come or go on this
    machine, upon which it gives up what it is loading (ERR_NETWORK_CHANGED).
    """
    start = tmp_path / "chromium"
    network = f"/proc/{front.record(PROVIDER).pid}/ns/net"
    start.write_text(f'#!/bin/sh\nexec nsenter --net={network} chromium "$@"\n')
    start.chmod(0o755)
    options = webdriver.ChromeOptions()
    options.binary_location = str(start)
    own = (f"--user-data-dir={tmp_path}/profile", "--no-sandbox", "--headless=new", "--remote-debugging-pipe")
    for option in (*browser.options(front.lab, read_records(front.lab)), *own):
        options.add_argument(option)
    with webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver")) as driver:
        yield driver


def shows(chromium: webdriver.Chrome, line: str) -> list[str]:
    """Wait until the page that the browser shows has this line; all its lines."""
    gone = [StaleElementReferenceException, NoSuchElementException]  # while the next page comes
    waiting: WebDriverWait[webdriver.Chrome] = WebDriverWait(chromium, 20, ignored_exceptions=gone)

    def lines(seen: webdriver.Chrome) -> list[str]:
        found: list[str] = seen.find_element(By.TAG_NAME, "body").text.splitlines()
        return found if line in found else []

    return waiting.until(lines, f"no page says {line!r}")


def log_in(chromium: webdriver.Chrome, user: str, password: str) -> None:
    """Fill the provider's form in and send it."""
    for name, value in (("user", user), ("password", password)):
        chromium.find_element(By.NAME, name).send_keys(value)
    chromium.find_element(By.TAG_NAME, "button").click()


def test_user_logs_in_by_browser_and_sees_own_name(front: Site, chromium: webdriver.Chrome) -> None:
    password = front.lab.password.read_text().strip()
    asks = "https://pomsgpvm01.poms.example/shibboleth wants to know."
    chromium.get(PAGE)
    shows(chromium, asks)
    assert chromium.current_url.startswith(LOGIN)
    log_in(chromium, "jdoe", "guessed")
    shows(chromium, f"{asks} No such user, or another password.")
    log_in(chromium, "jdoe", password)
    page = shows(chromium, "X-Shib-Userid: jdoe")
    assert chromium.current_url == PAGE
    assert page[:4] == JDOE

    code, body = front.ask("https://HOST:8443/poms", *front.certificate("jdoe"))
    assert code == 200
    by_certificate = [line for line in body.splitlines() if line.startswith("X-Shib-")]
    assert by_certificate == [line for line in JDOE if "Email" not in line], "8443 shows the same user"

    chromium.get(f"{PAGE}?again")
    assert shows(chromium, "X-Shib-Userid: jdoe")[:4] == JDOE, "the session lasts"
    chromium.delete_all_cookies()
    chromium.get(PAGE)
    shows(chromium, asks)
    assert chromium.current_url.startswith(LOGIN), "and it is the cookie's"


def test_user_headers_cannot_change_logged_in_user(front: Site) -> None:
    for user, known in (("zoe", [*ZOE, "X-Shib-Name-Last: Müller-Lüdenscheid"]), ("jdoe", JDOE)):
        cookies = ["-H", f"Cookie: {session(front, user)}"]
        for claim in ([], ["-H", "X-Shib-Userid: root"], front.certificate("mallory")):
            code, body = front.ask("https://HOST/poms", *cookies, *claim)
            assert (code, body.splitlines()[:4]) == (200, known)


def test_login_is_valid_only_on_its_own_host(front: Site) -> None:
    visitor, other = Visitor(front), "fermicloud045"
    answer = visitor.answer("jdoe", other, "/Shibboleth.sso/Login")
    astray = Form(answer.action.replace(other, "pomsgpvm01"), answer.fields)
    assert_no_session(front, visitor, astray, "SAML message delivered with POST to incorrect server URL.")
    visitor.send(answer)
    cookies = ["-H", f"Cookie: {visitor.cookie_header(other)}"]
    assert (
        "<strong>uid</strong>: 1 value(s)"
        in front.ask("https://HOST/Shibboleth.sso/Session", *cookies, host=other)[1]
    )
    assert front.ask("https://HOST/poms", *cookies)[0] == 302


def test_login_response_cannot_be_replayed(front: Site) -> None:
    visitor, thief = Visitor(front), Visitor(front)
    answer = visitor.answer("jdoe")
    assert visitor.send(answer).status == 200
    assert_no_session(front, thief, answer, "Rejecting replayed message ID")
    assert visitor.get(PAGE).status == 200, "whose answer it was is still in"


@pytest.mark.parametrize("altered", ALTERED, ids=lambda altered: altered.name)
def test_altered_login_response_never_logs_in_another_user(front: Site, tmp_path: Path, altered: Altered) -> None:
    visitor = Visitor(front)
    answer = visitor.answer("jdoe")
    said = altered.change(base64.b64decode(answer.fields["SAMLResponse"]))
    if altered.signer == "the provider":
        said = signed(said, folder(front.lab, PROVIDER) / "signing.key", tmp_path)
    elif altered.signer == "a stranger":
        write_pair(self_signed("idp.poms.example"), tmp_path / "pem", tmp_path / "key")
        said = signed(said, tmp_path / "key", tmp_path)
    answer = answer.filled(SAMLResponse=base64.b64encode(said).decode())
    if altered.refused:
        assert_no_session(front, visitor, answer, altered.refused)
    else:
        page = visitor.send(answer)
        assert (page.status, page.url, page.text.splitlines()[:4]) == (200, PAGE, JDOE)


@pytest.mark.parametrize("user", NO_IDS)
def test_login_with_malformed_user_id_does_not_reach_app(front: Site, tmp_path: Path, user: str) -> None:
    visitor = Visitor(front)
    answer = visitor.answer("jdoe")
    said = attribute(user)(base64.b64decode(answer.fields["SAMLResponse"]))
    said = signed(said, folder(front.lab, PROVIDER) / "signing.key", tmp_path)
    page = visitor.send(answer.filled(SAMLResponse=base64.b64encode(said).decode()))
    assert (page.status, page.url) == (HAS_NO_ID, PAGE)
    assert "X-Shib" not in page.text


VALUES: dict[
    tuple[str, ...], dict[str, str | None]
] = {  # what the provider says of an attribute, and what the app is told by each choice
    ("jane@x.org", "root@x.org"): {"first": "jane@x.org", "join": "jane@x.org;root@x.org", "omit": None},
    ("jane@x.org", "b@x.org", "c@x.org"): {"first": "jane@x.org", "join": "jane@x.org;b@x.org;c@x.org", "omit": None},
    ("Doe; Jr.",): {"first": "Doe; Jr.", "join": "Doe\\; Jr.", "omit": "Doe; Jr."},
    ("Doe; Jr.; x", "two"): {"first": "Doe; Jr.; x", "join": "Doe\\; Jr.\\; x;two", "omit": None},
    ("Do\\\\e", "two"): {"first": "Do\\e", "join": "Do\\e;two", "omit": None},
    ("$1%{uid}e", "x"): {"first": "$1%{uid}e", "join": "$1%{uid}e;x", "omit": None},
    ("Jane",): {"first": "Jane", "join": "Jane", "omit": "Jane"},
}
TOLD = {"jdoe@poms.example": "X-Shib-Email: ", "Jane": "X-Shib-Name-First: ", "Doe": "X-Shib-Name-Last: "}


@pytest.mark.parametrize("choice", ["first", *exhaustive("join", "omit")])
def test_several_attribute_values_follow_inventory_setting(front: Site, tmp_path: Path, choice: str) -> None:
    inventory = front.changed(
        tmp_path, ("[defaults.identity]\n", f'[defaults.identity]\nseveral_values = "{choice}"\n')
    )
    front.fab("-H", "pomsgpvm01", "deploy", "--yes", inventory=inventory, check=True)
    for values, known in VALUES.items():
        for of, header in TOLD.items():
            found = told(front, tmp_path, of, *values)
            assert found[0] == JDOE[0], "the user is who they were"
            assert [line.removeprefix(header) for line in found if line.startswith(header)] == [
                value for value in [known[choice]] if value is not None
            ], (values, of)
    assert told(front, tmp_path, "jdoe", "jdoe", "root")[0] == JDOE[0], (
        "a user id is the first one, as mod_shib has it"
    )


def told(front: Site, folder_: Path, of: str, *values: str) -> list[str]:
    """What the app is told of jdoe where the provider gives these values in place of the one that is `of`."""
    visitor = Visitor(front)
    answer = visitor.answer("jdoe")
    text = r"</\1:AttributeValue><\1:AttributeValue>".join(values)
    said = attribute(text, of=of)(base64.b64decode(answer.fields["SAMLResponse"]))
    said = signed(said, folder(front.lab, PROVIDER) / "signing.key", folder_)
    page = visitor.send(answer.filled(SAMLResponse=base64.b64encode(said).decode()))
    assert (page.status, page.url) == (200, PAGE)
    return [line for line in page.text.splitlines() if line.startswith("X-Shib-")]


def test_login_without_user_id_does_not_reach_app(front: Site) -> None:
    visitor = Visitor(front)
    page = visitor.send(visitor.answer("nora"))
    assert (page.status, page.url) == (HAS_NO_ID, PAGE)
    assert "X-Shib" not in page.text


def test_identity_provider_rejects_unknown_requester(front: Site) -> None:
    visitor = Visitor(front)
    for request in ("", "nonsense"):
        page = visitor.get(LOGIN + request)
        assert (page.status, "no request of a service of the lab" in page.text) == (400, True)


def assert_no_session(front: Site, visitor: Visitor, answer: Form, why: str) -> None:
    """The host refuses the answer for this reason, and its bearer is as much a stranger as before."""
    page = visitor.send(answer)
    assert (page.status, page.url) == (REFUSED, answer.action)
    assert why in html.unescape(page.text)
    assert "_shibsession" not in visitor.cookie_header()
    code, location = front.ask("https://HOST/poms", "-H", f"Cookie: {visitor.cookie_header()}")
    assert (code, location.startswith(LOGIN)) == (302, True)
