"""The configuration that Apache has on this host: its own dump of it, or else its files.

Source: mod_info's `-D DUMP_CONFIG`. It resolves includes, conditions and continued lines, and works as an ordinary
account. Where the module is not loaded, this one run loads it.
"""

import glob
import os
import re

from ops.agent.apache_directives import text_of
from ops.agent.apache_words import directives_of, in_effect
from ops.agent.host_reading_messages import ApacheDirective, ApacheReading
from ops.agent.processes import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.apache_words import Directive

SECONDS = 60.0
DUMP = ["-t", "-D", "DUMP_CONFIG"]
STARTS = "# In file: "
PLACES = ("/usr/sbin/httpd", "/usr/sbin/apache2")
COMPILED = re.compile(r'(HTTPD_ROOT|SERVER_CONFIG_FILE)="(.*)"')
INCLUDES = ("include", "includeoptional")
DEPTH = 20  # of includes


def read(httpd: str, server_root: str) -> "ApacheReading | None":
    """What Apache reads; None if there is no Apache."""
    program = next((path for path in [httpd, *PLACES] if os.access(path, os.X_OK)), "")
    if not program:
        return None
    text, problem = _dump(program, server_root)
    found = directives_of(text) if text else _of_files(program)
    read_ones = [
        ApacheDirective(path=list(one.path), name=one.written, words=one.words, file=one.file)
        for one in in_effect(found)
    ]
    how = "dump" if text else "files"
    return ApacheReading(how=how, directives=read_ones, problem=problem, authorities=_authorities(found))


def _dump(httpd: str, server_root: str) -> "tuple[str, str]":
    """Apache's own dump, or "" and why there is none."""
    module = os.path.join(server_root, "modules/mod_info.so")
    said = ""
    for before in ([], ["-C", f"LoadModule info_module {module}"]):
        ended = run([httpd, *before, *DUMP], seconds=SECONDS, are_errors_apart=True)
        at = ended.text.find(STARTS)
        if at >= 0 and not ended.code:
            return ended.text[at:], ""
        if ended.code:
            said = said or (ended.errors.decode("utf-8", "replace").strip().splitlines() or [""])[-1]
    return "", said or "mod_info is not there, which would print the configuration"


def _of_files(httpd: str) -> "list[Directive]":
    found = dict(COMPILED.findall(run([httpd, "-V"], seconds=SECONDS).text))
    root = found.get("HTTPD_ROOT", "/etc/httpd")
    return _of_file(os.path.join(root, found.get("SERVER_CONFIG_FILE", "conf/httpd.conf")), root, DEPTH)


def _of_file(path: str, root: str, depth: int) -> "list[Directive]":
    """The directives of a file and of those that it includes, in the place of the include."""
    found: list[Directive] = []
    for one in directives_of(text_of(path), path):
        if one.name not in INCLUDES or not depth:
            found.append(one)
            continue
        for included in sorted(glob.glob(os.path.join(root, one.words[0] if one.words else ""))):
            for each in _of_file(included, root, depth - 1):
                each.path = one.path + each.path
                found.append(each)
    return found


def _authorities(found: "list[Directive]") -> "list[str]":
    """The subjects, in RFC 2253 form, of the certificates in the folders and files of trusted CAs."""
    paths: list[str] = []
    for one in found:
        if one.name == "sslcacertificatepath" and one.words:
            paths += sorted(glob.glob(os.path.join(glob.escape(one.words[0]), "*")))
        elif one.name == "sslcacertificatefile" and one.words:
            paths.append(one.words[0])
    subjects = []
    for path in dict.fromkeys(map(os.path.realpath, paths)):
        ended = run(["openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb", "-in", path])
        if ended.code == 0:
            subjects.append(ended.text.partition("=")[2].strip())
    return list(dict.fromkeys(subjects))
