"""What the tasks work with, in packages. Each imports only from those below it (tests/unit/test_layers.py):

    ui                             what the operator sees
    monitoring                     how a host is
    deploy                         one change, from snapshot to release
    logs, services, importing      logs; supervisord, Apache and their reloads; a host's own edits read back
    ssh, rendering, inventory      the connection; templates to files; hosts.toml to typed hosts
    formats, secrets               each configuration language; where secrets come from and how they are hidden
    errors, schema, text, ...      the modules of this folder, which all use

`agent/` runs on a host, in the host's own Python, and imports nothing else of ours.
"""
