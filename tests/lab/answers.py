"""Answers of the identity provider that somebody altered on their way: one table, each with what must come of it."""

import datetime as dt
import re
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OTHER = "https://fermicloud045.poms.example"  # another service of the same provider
OTHER_PLACE = f"{OTHER}/Shibboleth.sso/SAML2/POST"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"
UNTRUSTED = "Message was signed, but signature could not be verified."
UNPROVEN = "Unable to establish security of incoming assertion."
MISPLACED = "Invalid signature profile for SAML object."
NOT_FOR_US = "Unable to locate satisfiable bearer SubjectConfirmation in assertion."
OTHERS = "Assertion contains an unacceptable AudienceRestriction."
ASTRAY = "SAML message delivered with POST to incorrect server URL."
NO_XML = "XML error(s) during parsing"

Change = Callable[[bytes], bytes]
Signer = Literal["nobody", "the provider", "a stranger"]


@dataclass(frozen=True)
class Altered:
    """What is done to jdoe's answer, who signs it anew, and why the host then refuses it.

    `refused` empty: the host lets them in, as jdoe and nobody else.
    """

    name: str
    change: Change
    signer: Signer
    refused: str


def signed(answer: bytes, key: Path, folder: Path) -> bytes:
    """The answer with the signature of its assertion made anew with this key."""
    unsigned = folder / "unsigned.xml"
    unsigned.write_bytes(answer)
    command = ["xmlsec1", "--sign", "--privkey-pem", str(key), "--id-attr:ID", ASSERTION, str(unsigned)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def attribute(value: str, of: str = "jdoe") -> Change:
    """The attribute with this value gets another."""
    return _put(rf">{of}</(\w+):AttributeValue>", rf">{value}</\1:AttributeValue>")


def _put(pattern: str, text: str) -> Change:
    """What matches (once at least) becomes `text`."""

    def change(answer: bytes) -> bytes:
        altered, count = re.subn(pattern.encode(), text.encode(), answer, flags=re.DOTALL)
        assert count, f"the answer has no {pattern}"
        return altered

    return change


def _moved(hours: int, attributes: str) -> Change:
    """The times in these attributes so many hours later."""

    def later(found: re.Match[bytes]) -> bytes:
        time = dt.datetime.fromisoformat(found[2].decode()) + dt.timedelta(hours=hours)
        return found[1] + time.strftime("%Y-%m-%dT%H:%M:%SZ").encode() + b'"'

    return lambda answer: re.sub(rf'((?:{attributes})=")([^"]*)"'.encode(), later, answer)


def _wrapped(arrange: Callable[[bytes, bytes, bytes], bytes]) -> Change:
    """Another assertion, which says root, and the true one; `arrange` gets the former, the latter without its
    signature, and the signature.
    """

    def change(answer: bytes) -> bytes:
        whole, signature = (_element(answer, name) for name in ("Assertion", "Signature"))
        bare = whole.replace(signature, b"")
        identity = secrets.token_hex(8)
        false = _put(r' ID="[^"]*"', f' ID="id-{identity}"')(attribute("root")(bare))
        return answer.replace(whole, arrange(false, bare, signature))

    return change


def _element(text: bytes, name: str) -> bytes:
    found = re.search(rf"<(\w+):{name}[ >].*</\1:{name}>".encode(), text, re.DOTALL)
    assert found, f"the answer has no {name}"
    return found[0]


def _whole(bare: bytes, signature: bytes) -> bytes:
    """An assertion with a signature where it belongs, behind the issuer."""
    return re.sub(rb"(</\w+:Issuer>)", lambda found: found[1] + signature, bare, count=1)


def _in_signature(false: bytes, bare: bytes, signature: bytes) -> bytes:
    def object_and_end(end: re.Match[bytes]) -> bytes:
        return b"<%b:Object>%b</%b:Object>%b" % (end[1], bare, end[1], end[0])

    return _whole(false, re.sub(rb"</(\w+):Signature>", object_and_end, signature))


ALTERED = (
    # Control: what the tests sign in the provider's name is believed, if nothing else is wrong with it.
    Altered("nothing", lambda answer: answer, "the provider", ""),
    # Somebody else's words under the provider's signature, or without one.
    Altered("user id", attribute("root"), "nobody", UNTRUSTED),
    Altered("user id, signed by a stranger", attribute("root"), "a stranger", UNTRUSTED),
    Altered("user id, with a remark in it", attribute("jdoe<!-- root -->"), "nobody", ""),
    Altered("first name", attribute("Root", of="Jane"), "nobody", UNTRUSTED),
    Altered("no signature", _put(r"<(\w+):Signature[ >].*</\1:Signature>", ""), "nobody", UNPROVEN),
    Altered("method of signature", _put("more#rsa-sha256", "more#hmac-sha256"), "nobody", UNTRUSTED),
    Altered("another one before it", _wrapped(lambda false, true, sign: false + _whole(true, sign)), "nobody", ""),
    Altered("another one behind it", _wrapped(lambda false, true, sign: _whole(true, sign) + false), "nobody", ""),
    Altered("wrapped, beside it", _wrapped(lambda false, true, sign: _whole(false, sign) + true), "nobody", UNPROVEN),
    Altered("wrapped, in the signature", _wrapped(_in_signature), "nobody", MISPLACED),
    Altered("no XML", lambda _: b"hello", "nobody", NO_XML),
    Altered("a document type", _put(r"\?>", "?><!DOCTYPE a [<!ENTITY user 'root'>]>"), "nobody", NO_XML),
    # The provider's own words, but for others, or for another time.
    Altered("issuer", _put(">https://idp[^<]*</", ">https://elsewhere.example/idp</"), "the provider", UNPROVEN),
    Altered("audience", _put("Audience>[^<]*<", f"Audience>{OTHER}/shibboleth<"), "the provider", OTHERS),
    Altered("recipient", _put('Recipient="[^"]*"', f'Recipient="{OTHER_PLACE}"'), "the provider", NOT_FOR_US),
    Altered("destination", _put('Destination="[^"]*"', f'Destination="{OTHER_PLACE}"'), "nobody", ASTRAY),
    Altered("expired", _moved(-1, "NotBefore|NotOnOrAfter"), "the provider", "Assertion is no longer valid."),
    Altered("expired for its bearer", _moved(-1, "Data NotOnOrAfter"), "the provider", NOT_FOR_US),
    Altered("not yet valid", _moved(1, "NotBefore|NotOnOrAfter"), "the provider", "Assertion is not yet valid."),
    Altered("an hour old", _moved(-1, "IssueInstant"), "the provider", "Message expired, was issued too long ago."),
)
