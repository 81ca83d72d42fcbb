#!/bin/bash
# Sets up POMS on a fresh host as somebody did by hand, who knows nothing of poms-ops: run as root.
set -eu
name=$(hostname -s).poms.example

mkdir -p /home/poms/etc /home/poms/run /home/poms/logs
cat >/home/poms/etc/supervisord.conf <<'END'
; supervisord of POMS. Start: supervisord -c ~/etc/supervisord.conf
[unix_http_server]
file = %(here)s/../run/supervisor.sock
chmod = 0700

[supervisord]
logfile = /home/poms/logs/supervisord.log
pidfile = /home/poms/run/supervisord.pid
loglevel = debug
environment = POMS_DIR="/home/poms/poms"

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix:///home/poms/run/supervisor.sock

[program:poms]
command = uwsgi --ini /home/poms/etc/poms.ini
directory = %(ENV_HOME)s/poms
priority = 10
startsecs = 3
stopsignal = INT
stopwaitsecs = 20 ; uWSGI ends its requests
redirect_stderr = true
stdout_logfile = /home/poms/logs/uwsgi.log
environment = DB_PASSWORD="hunter2-of-the-lab",POMS_MODE="production"

[include]
files = programs/*.conf
END
mkdir -p /home/poms/etc/programs
cat >/home/poms/etc/programs/agents.conf <<'END'
[program:joblog]
command = python /home/poms/poms/agents/poms_agent.py joblog
directory = /home/poms/poms
autorestart = true
redirect_stderr = yes
stdout_logfile = /home/poms/logs/%(program_name)s.log
stdout_logfile_maxbytes = 10MB

[program:many]
command = sleep 1000%(process_num)d
process_name = %(program_name)s_%(process_num)d
numprocs = 2
END
cat >/home/poms/etc/poms.ini <<'END'
[uwsgi]
; POMS under uWSGI
set-placeholder = base=/home/poms
socket = 127.0.0.1:8890
http-socket = 127.0.0.1:8891
master
processes = 4
threads = 5
enable-threads = true
need-app = 1
die-on-term = true
vacuum = true
buffer-size = 16384
chdir = %(base)/poms
pythonpath = /home/poms/poms
module = poms_app:application
stats = /home/poms/run/stats.sock
log-format = %%(addr) [%%(ltime)] "%%(method) %%(uri)" %%(status) worker %%(wid) process %%(pid) at %%(vszM) MB # own
END
chown -R poms: /home/poms/etc /home/poms/run /home/poms/logs

cat >/etc/httpd/conf.d/ssl.conf <<END
# People, by Shibboleth
Listen 443 https
SSLSessionCache shmcb:/run/httpd/sslcache(512000)
<VirtualHost _default_:443>
    ServerName $name
    Protocols h2 http/1.1
    ErrorLog logs/ssl_error_log
    SSLEngine on
    SSLProtocol all -SSLv3
    SSLCertificateFile /etc/grid-security/hostcert.pem
    SSLCertificateKeyFile /etc/grid-security/hostkey.pem
    Header always set Strict-Transport-Security "max-age=86400"
    Alias /poms-help /var/www/html
    <Location /poms>
        AuthType shibboleth
        ShibRequestSetting requireSession 1
        Require shib-session
        ShibBasicHijack On
        Require valid-user
        RequestHeader set X-Shib-Userid %{REMOTE_USER}e
        RequestHeader set X-Shib-Email "%{mail}e"
    </Location>
    ProxyPass /poms uwsgi://127.0.0.1:8890/poms timeout=300
</VirtualHost>
END
cat >/etc/httpd/conf.d/cert_ssl.conf <<END
# Jobs, by certificate
Listen 8443 https
<VirtualHost _default_:8443>
    ServerName $name:8443
    Protocols h2 http/1.1
    SSLEngine on
    SSLCertificateFile /etc/grid-security/hostcert.pem
    SSLCertificateKeyFile /etc/grid-security/hostkey.pem
    SSLVerifyClient require
    SSLVerifyDepth 10
    SSLCACertificatePath /etc/httpd/TrustedCAs
    SSLOptions +LegacyDNStringFormat

    RewriteEngine on
    RewriteCond %{SSL:SSL_CLIENT_S_DN} "^/.*/CN=([^[:space:]]*)[[:space:]]([^/]*)/CN=UID:([[:alnum:]_]*)"
    RewriteRule .* - [E=HTTP_X_SHIB_NAME_FIRST:%1,E=HTTP_X_SHIB_NAME_LAST:%2,E=HTTP_X_SHIB_USERID:%3,E=HTTP_X_SHIB_EMAIL:%3@fnal.gov]
    RequestHeader set X_SHIB_USERID %{HTTP_X_SHIB_USERID}e
    RequestHeader set X_SHIB_EMAIL %{HTTP_X_SHIB_EMAIL}e
    RequestHeader set X_SHIB_NAME_LAST %{HTTP_X_SHIB_NAME_LAST}e
    RequestHeader set X_SHIB_NAME_FIRST %{HTTP_X_SHIB_NAME_FIRST}e
    ProxyPass /poms uwsgi://127.0.0.1:8890/poms
</VirtualHost>
END
service httpd restart
runuser -u poms -- env HOME=/home/poms bash <<'END'
. $HOME/products/setup
setup poms
cd
supervisord -c etc/supervisord.conf
END
