"""Why a setting of a host is another one after an import, and what to do about one that cannot be imported.

Tables, by the program and the setting's name: a new key of the inventory is a row less here. What a host has counts
as changed on purpose only where a row says so for its very value; else it is not imported, and named.
"""

import re

from ops.importing.settings import APACHE, SUPERVISORD, UWSGI

_IDENTITY = "identity headers are dropped whoever sends them, and set only from who was proven to be there"
_DENIED = "what is not granted is denied, and a session without a valid user id is refused"
_SUBJECTS = "rules on certificate subjects can be forged: the issuer is pinned, and the whole subject matched"
_TLS = "TLS as in Mozilla's intermediate set (apache.protocols, apache.ciphers, apache.curves)"
_REVOKED = "certificates that their CA has revoked are refused (apache.revocation)"
_LOGS = "the logs have poms-ops' names, in apache.log_dir"
_SERVER = "settings for the whole server, of the file that is replaced"
_PAGE = "the maintenance page, and the host's own question whether Apache reaches the app"
_RELOAD = "a reload loses no request"
_LIMITS = "slow and endless requests are ended (apache.client_timeout, apache.upload_limit)"
_AS_BEFORE = "as uWSGI has it without the line"
WRITTEN = "poms-ops writes it for every host"

# What a host has, and poms-ops means to change: the name, what its value must be like, and why.
THEIRS: dict[str, list[tuple[str, str, str]]] = {
    APACHE: [
        ("sslverifydepth", "", "a CA in apache.ca_dir must have issued the certificate itself (apache.verify_depth)"),
        ("requestheader", r"(?i).*x[_-](shib|scitoken|forwarded|poms|remote)[_-].*", _IDENTITY),
        ("require", r"shib-session|valid-user|shibboleth|all (granted|denied)", _DENIED),
        ("authtype", r"(?i)shibboleth|none", _DENIED),
        ("shibrequestsetting", r"(?i)(requiresession|exportassertion) (1|0|true|false|on|off)", _DENIED),
        ("shib(requiresession|useheaders|useenvironment)", r"(?i)on|off", _DENIED),
        ("rewrite(rule|cond)|setenvif.*", r"(?i).*(ssl_client|x_shib|ssl:).*", _SUBJECTS),
        ("rewriteengine", "", _SUBJECTS),
        ("ssloptions|sslusername", "", "certificate subjects are read in RFC 2253 form, which needs no option"),
        ("ssl(protocol|ciphersuite|honorcipherorder|opensslconfcmd|sessiontickets|compression)", "", _TLS),
        ("(error|transfer|custom)log|loglevel", "", _LOGS),
        ("sslsessioncache(timeout)?|sslcryptodevice|sslpassphrasedialog|sslrandomseed|listen", "", _SERVER),
        ("proxypass|proxypassreverse", r".*uwsgi://.*", "the same app, inside the Location that is granted"),
        ("protocols|usecanonicalname", "", "one name with its port, and the protocols of apache.http2"),
        ("servername", "", "its port is named, too"),
        ("timeout|requestreadtimeout|limitrequestbody", "", _LIMITS),
        ("sslcarevocationcheck", "none|leaf( no_crl_for_cert_ok)?", _REVOKED),
        ("sslcarevocationpath", "", _REVOKED),
        ("sslverifyclient", "", "certificates are asked for in the handshake, for the whole virtual host"),
    ],
    UWSGI: [
        ("strict", "", "every file is validated with --strict before it is live"),
        ("zerg-server|hook-accepting1-once", "", _RELOAD),
    ],
    SUPERVISORD: [("chmod", "", "only the account may control its programs")],
}
# What poms-ops writes beyond what a host has, and why.
OURS: dict[str, list[tuple[str, str]]] = {
    APACHE: [
        ("requestheader", _IDENTITY),
        ("require|authtype|shib.*", _DENIED),
        ("setenvif.*", f"{_SUBJECTS}; {_PAGE}"),
        ("ssl(protocol|ciphersuite|honorcipherorder|opensslconfcmd|sessiontickets|sessioncachetimeout)", _TLS),
        ("sslcarevocation.*", _REVOKED),
        ("sslsessioncache", _SERVER),
        ("(error|transfer|custom)log|loglevel", _LOGS),
        ("header", "security headers are on every answer, once (apache.response_headers)"),
        ("timeout|requestreadtimeout|limitrequestbody", _LIMITS),
        ("rewrite.*|alias|sethandler|forcetype|errordocument", _PAGE),
        ("servertokens|serversignature|traceenable", "nobody is told which versions run"),
        ("gracefulshutdowntimeout", "a restart refuses connections for seconds only"),
    ],
    UWSGI: [
        ("buffer-size", "Apache takes lines of 8 KB, uWSGI itself only 4 KB for a whole head"),
        ("socket-timeout", "an upload may pause as long as at Apache"),
        ("no-orphans", "workers end with their master, and hold no port"),
        ("zerg-server|hook-accepting1-once|reload-mercy|worker-reload-mercy", _RELOAD),
        ("chmod-socket", "only the account and its group may connect to the socket"),
        ("threads|workers|cheaper|cheaper-initial", _AS_BEFORE),
    ],
}
BLOCKS = (
    "write it into a template of your site: the block before_app or behind_app of httpd/_vhost.conf.j2, or a file"
)
ADVICE: dict[str, list[tuple[str, str]]] = {
    APACHE: [
        ("shibcompatwith24", "mod_shib 3 does not know it: leave it out"),
        ("sslcacertificatefile", "put the CA's certificate into apache.ca_dir"),
        (
            "require|satisfy|order|allow|deny",
            "ours lets in whoever has a valid user id: write it, in <RequireAll>, into your template's block grant",
        ),
        (
            "setenv.*|browsermatch",
            "the app may take a variable for who asks: check its name, then write it into behind_app",
        ),
        (".*", BLOCKS),
    ],
    UWSGI: [(".*", "write it into uwsgi.options")],
    SUPERVISORD: [
        ("nodaemon", "a deploy starts supervisord as a daemon; a unit of systemd gives it --nodaemon itself"),
        (".*", "write it into a template of your site: the block more of home/supervisord.conf.j2"),
    ],
}


def purpose(of: str, name: str, value: str) -> str:
    """Why poms-ops changes a setting that a host has; "" if it does not mean to."""
    for names, like, reason in THEIRS.get(of, []):
        if re.fullmatch(names, name) and (not like or re.fullmatch(like, value)):
            return reason
    return ""


def written(of: str, name: str) -> str:
    """Why poms-ops writes a setting that a host does not have."""
    return next((reason for names, reason in OURS.get(of, []) if re.fullmatch(names, name)), WRITTEN)


def advice(of: str, name: str) -> str:
    """What to do about a setting that is not imported."""
    return next((text for names, text in ADVICE.get(of, []) if re.fullmatch(names, name)), "set it by hand")
