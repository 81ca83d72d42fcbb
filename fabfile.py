"""poms-ops: deploy and run POMS, and any service of the same build. `fab --list` shows the verbs."""

import fabric.main
from invoke.collection import Collection

from tasks import (
    adopt,
    apache,
    certs,
    deploy,
    doctor,
    drift,
    hosts,
    lab,
    logs,
    programs,
    releases,
    render,
    shell,
    status,
    trust,
)
from tasks._pipe import end_with_the_reader
from tasks._verb import take_over

take_over(fabric.main.program)
end_with_the_reader()

namespace = Collection(
    deploy.deploy,
    deploy.diff,
    drift.drift,
    adopt.adopt,
    releases.releases,
    releases.rollback,
    releases.recover,
    render.render_files,
    apache.check_apache,
    apache.reload_apache,
    apache.restart_apache,
    status.status,
    programs.start_programs,
    programs.stop_programs,
    programs.restart_programs,
    programs.reload_programs,
    programs.start_supervisord,
    logs.tail_logs,
    logs.fetch_logs,
    shell.shell,
    hosts.hosts,
    certs.certs,
    doctor.doctor,
    trust.trust,
    lab=lab.namespace,
)
