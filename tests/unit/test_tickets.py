"""A ticket cache that is surely not there is told without Kerberos's library, and never one that may be."""

from pathlib import Path

import pytest

from ops.ssh.credential_cache import missing_cache


@pytest.fixture
def plain(tmp_path: Path) -> dict[str, str]:
    """An environment with a krb5.conf that says nothing of caches."""
    config = tmp_path / "krb5.conf"
    config.write_text("[libdefaults]\n default_realm = EXAMPLE.ORG\n")
    return {"KRB5_CONFIG": str(config)}


def test_without_any_setting_it_is_the_file_of_the_user(plain: dict[str, str]) -> None:
    assert missing_cache(plain, 4_000_000_000) == "/tmp/krb5cc_4000000000"


@pytest.mark.parametrize("kind", ["", "FILE:"])
def test_a_file_that_is_named(plain: dict[str, str], tmp_path: Path, kind: str) -> None:
    cache = tmp_path / "cc"
    plain["KRB5CCNAME"] = f"{kind}{cache}"
    assert missing_cache(plain, 1) == str(cache)
    cache.touch()
    assert not missing_cache(plain, 1)


@pytest.mark.parametrize("name", ["KEYRING:persistent:1", "KCM:", "DIR:/nowhere", "API:x"])
def test_what_is_no_file_has_to_be_asked_for(plain: dict[str, str], name: str) -> None:
    assert not missing_cache(plain | {"KRB5CCNAME": name}, 4_000_000_000)


@pytest.mark.parametrize("line", ["default_ccache_name = KCM:", "includedir /etc/krb5.conf.d/"])
def test_a_site_with_another_default(plain: dict[str, str], line: str) -> None:
    with Path(plain["KRB5_CONFIG"]).open("a") as config:
        config.write(line + "\n")
    assert not missing_cache(plain, 4_000_000_000)


def test_a_client_keytab_gets_tickets_by_itself(plain: dict[str, str]) -> None:
    assert not missing_cache(plain | {"KRB5_CLIENT_KTNAME": "/somewhere"}, 4_000_000_000)
