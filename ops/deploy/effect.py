"""Whether the new text of a file does something else than the one on the host: comments and spellings do not.

supervisord's file has rules of its own (supervisor_changes.py). Of a file in another language, each change counts.
"""

import re

from ops.agent.apache_words import directives_of
from ops.agent.uwsgi_ini import options_of
from ops.deploy.file_changes import CREATE, FileChange, differs
from ops.formats.apps import views
from ops.importing import uwsgi_settings
from ops.importing.settings import compare
from ops.schema import Host

# Options that decide which lines count, or lead to further lines: where there is one, each change counts.
_READS_ON = re.compile(r"if-.*|for.*|end-?(if|for)?|ini|include|inherit|(fallback-)?config|json|js|ya?ml|xml")


def has_effect(host: Host, change: FileChange) -> bool:
    """Whether what reads the file has to read it again."""
    if not differs(change) or change.gone or change.kind == CREATE:
        return differs(change)
    path, before, after = change.wanted.path, change.before, change.after
    if path in [view.uwsgi.file for view in views(host)]:
        options = [options_of(text, path) for text in (before, after)]
        if any(_READS_ON.fullmatch(name) for side in options for name, _ in side):
            return True
        there, ours = (uwsgi_settings.settings_of(path, side) for side in options)
        return not there or bool(compare(there, ours)[1])
    if change.wanted.service == "apache" and path.endswith(".conf"):
        return directives_of(before) != directives_of(after)  # in their order: of two sections the last one holds
    return True
