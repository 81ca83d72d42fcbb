"""A fake host with SELinux: STAND-INS that answer from EL9's policy, for no host here has it."""

from tests.agent.shells import executable
from tests.agent.transactions import FakeHost

# What EL9's targeted policy allows whatever the booleans are, and what is behind each boolean or command of root's.
ALWAYS = {"httpd_t http_port_t tcp_socket name_bind", "httpd_t httpd_var_run_t sock_file write"}
CONNECT = {f"httpd_t {port}_port_t tcp_socket name_connect" for port in ("http", "unreserved", "websm")}
RELAY = {"httpd_t http_port_t tcp_socket name_connect"}
MODULE = {"httpd_t unconfined_t unix_stream_socket connectto"}

# STAND-IN for the tool of libselinux-utils: the kernel's answer is a line of the table. A permissive one grants all.
CHECKS = """#!/bin/sh
type() { of=${1#*:*:}; echo "${of%%:*}"; }
[ "$(cat @ROOT@/mode)" = Enforcing ] || exit 0
grep -qxF "$(type "$1") $(type "$2") $3 $4" @ROOT@/table && exit 0
echo "selinux_check_access: Permission denied" >&2
exit 255
"""
# STAND-INS for the tools that show labels: one for each path and process, by "WHAT LABEL" in a file.
LABELS = """#!/bin/sh
[ "$1 $2" = "@OPTIONS@" ] || PATH=/usr/bin:/bin exec @TOOL@ "$@"
awk -v what="$3" '$1 == what { print $2; found = 1 } END { exit !found }' @ROOT@/labels
"""
PROCESS = """#!/bin/sh
[ "$1 $2 $3" = "-o label= -p" ] || exit 1
awk -v what="$4" -v other=unconfined_u:unconfined_r:unconfined_t:s0 '
    $1 == what { print $2; found = 1 }
    END { if (!found) print other }' @ROOT@/labels
"""
PGREP = '#!/bin/sh\ncase $* in *httpd*) echo 11 ;; *uwsgi*) [ -e "@ROOT@/app" ] && echo 12 ;; esac\n'


def label(kind: str) -> str:
    return f"system_u:object_r:{kind}:s0"


class SelinuxHost(FakeHost):
    """A fake host with SELinux's stand-ins."""

    def provision(self) -> None:
        """Its tools, an Apache that runs as process 11 and an app as process 12."""
        (self.root / "bin").mkdir()
        (self.root / "etc/conf.d").mkdir(parents=True)
        self.tool("getenforce", "#!/bin/sh\ncat @ROOT@/mode\n")
        self.tool("selinux_check_access", CHECKS)
        self.tool("stat", LABELS.replace("@OPTIONS@", "-c %C").replace("@TOOL@", "stat"))
        self.tool("ps", PROCESS)
        self.tool("pgrep", PGREP)
        self.tool("unshare", "#!/bin/sh\nexit 1\n")
        (self.root / "app").touch()
        (self.root / "mode").write_text("Enforcing\n")
        self.labels = {"11": "system_u:system_r:httpd_t:s0"}
        self.allow()

    def tool(self, name: str, text: str) -> None:
        executable(self.root / "bin" / name, text.replace("@ROOT@", str(self.root)))

    def allow(self, *more: set[str]) -> None:
        """The policy, with what root has changed in it."""
        (self.root / "table").write_text("".join(f"{line}\n" for line in ALWAYS.union(*more)))

    def write_labels(self) -> None:
        (self.root / "labels").write_text("".join(f"{what} {text}\n" for what, text in self.labels.items()))
