"""What lines of Apache's files say."""

from pathlib import Path

import pytest

from ops.agent.apache_directives import files_below, files_in, listen_ports, named_in, values_of


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('SSLCertificateFile "/a b/c.pem"', "/a b/c.pem"),
        ("\tsslcertificatefile   /a/c.pem  ", "/a/c.pem"),
        (r'SSLCertificateFile "/a\"b\\c"', r"/a\"b\c".replace(r"\"", '"')),
        ("SSLCertificateFile '/a'", "/a"),
        ('SSLCertificateFile /log "%h %s"', "/log"),
        ("# SSLCertificateFile /a", None),
        ("SSLCertificateFile", None),
        ("SSLCertificateFiles /a", None),
    ],
)
def test_value_is_the_first_argument(line: str, value: str | None) -> None:
    assert values_of("SSLCertificateFile", f"X y\n{line}\n") == ([] if value is None else [value])


def test_ports_are_the_last_part_of_addresses() -> None:
    text = 'Listen 443 https\nlisten "[::]:8443"\nListen 127.0.0.1:80\n#Listen 1\nListen ${PORT}\n'
    assert listen_ports(text) == [80, 443, 8443]


def test_files_are_those_that_apache_includes(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", ".hidden.conf", "c.conf.rpmsave"):
        (tmp_path / name).write_text(f"Listen {name}\n")
    (tmp_path / "d.conf").mkdir()
    (tmp_path / "d.conf/e.conf").write_bytes(b"Listen \xff\n")
    assert files_in(str(tmp_path), "/nowhere") == [f"{tmp_path}/a.conf", f"{tmp_path}/b.conf"]
    assert len([path for path in files_below(str(tmp_path)) if path.endswith("d.conf/e.conf")]) == 1
    assert named_in([f"{tmp_path}/d.conf/e.conf", f"{tmp_path}/a.conf", "/none"], "listen") == ["\udcff", "a.conf"]
