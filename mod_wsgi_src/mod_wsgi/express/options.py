# SPDX-License-Identifier: Apache-2.0
"""The table of options. Parser, validation, model and documentation are made from it; nothing else lists options.

An option stands here only if it does what its help says. legacy.py has those of the reference that do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import values as v
from .values import Type

ENTRY = "Application and address"
HOSTS = "Host names"
CAPACITY = "Capacity"
TIMEOUTS = "Timeouts and limits"
MAPPING = "Requests and URLs"
TLS = "HTTPS"
IDENTITY = "Identity, directories and Python"
LOGGING = "Logging and status"
ACCESS = "Who may in"
SERVICES = "Service scripts"
DEBUGGING = "Debugging (one process, one thread, in the foreground)"


@dataclass(frozen=True)
class Option:
    name: str
    group: str
    types: tuple[Type, ...]  # one for each word the option takes
    help: str
    default: object = None
    metavar: tuple[str, ...] = ()
    repeatable: bool = False
    daemon_only: bool = False  # refused together with --embedded-mode
    needs: str = ""  # option without which this one would do nothing; refused without it
    since: str = "4.4.11"  # release of the reference whose interface it belongs to, or "toolkit"

    @property
    def key(self) -> str:
        return self.name.replace("-", "_")

    @property
    def is_flag(self) -> bool:
        return self.types == (v.FLAG,)


def _one(group: str, name: str, kind: Type, metavar: str, help: str, default: object = None, **more: object) -> Option:
    return Option(name, group, (kind,), help, default, (metavar,), **more)  # type: ignore[arg-type]


def _many(group: str, name: str, metavar: str, help: str, *types: Type, **more: object) -> Option:
    return Option(name, group, types, help, (), tuple(metavar.split()), True, **more)  # type: ignore[arg-type]


def _flag(group: str, name: str, help: str, **more: object) -> Option:
    return Option(name, group, (v.FLAG,), help, False, **more)  # type: ignore[arg-type]


SECONDS = v.integer(0, 86400)
BYTES = v.integer(0, 2**31 - 1)
BUFFER = v.integer(512, 2**30)
FRACTION = v.number(0.0, 1.0)
PORT = v.integer(1, 65535)

# One look at the table is worth more than one argument a line.
# fmt: off
OPTIONS: tuple[Option, ...] = (
    # -- application and address
    _one(ENTRY, "application-type", v.choice("script", "module", "paste", "static"), "TYPE",
         "A file, module[:callable], PasteDeploy file or directory.", "script"),
    _one(ENTRY, "entry-point", v.TEXT, "FILE|MODULE", "The entry point by name; wins over the argument.",
         since="6.1.1"),
    _one(ENTRY, "callable-object", v.CALLABLE, "NAME", "Name of the WSGI application in script or module.",
         "application"),
    _one(ENTRY, "host", v.HOST, "ADDRESS", "Address to listen on; without it all addresses, IPv4 and IPv6."),
    _one(ENTRY, "port", PORT, "NUMBER", "Port to listen on.", 8000),
    _one(ENTRY, "process-group", v.GROUP_NAME, "NAME", "Name of the daemon process group instead of host:port.",
         daemon_only=True, since="6.1.1"),
    _one(ENTRY, "application-group", v.GROUP_NAME, "NAME",
         "Python interpreter to run in; %{GLOBAL} is the main one.", "%{GLOBAL}", since="6.1.1"),
    _flag(ENTRY, "embedded-mode",
          "Run the application in the processes of httpd (--processes of --threads each).",
          since="6.1.1"),
    _flag(ENTRY, "setup-only", "start-server: generate everything, then stop."),
    _many(ENTRY, "mount-point", "URL", "URL path below which the application answers; default /.", v.URL),
    # -- host names
    _one(HOSTS, "server-name", v.HOST_NAME, "NAME", "Answer requests for this host name and refuse all other names."),
    _many(HOSTS, "server-alias", "NAME", "Further host name; '*' stands for any part.", v.HOST_PATTERN,
          needs="server-name"),
    _flag(HOSTS, "allow-localhost", "Answer local clients under any name although --server-name is given.",
          needs="server-name"),
    # -- HTTPS
    _one(TLS, "https-port", PORT, "NUMBER", "Port for HTTPS, beside --port; needs a certificate and its key."),
    _one(TLS, "ssl-certificate", v.PATH, "PREFIX", "Certificate and key as PREFIX.crt and PREFIX.key.",
         needs="https-port"),
    _one(TLS, "ssl-certificate-file", v.FILE, "FILE", "Certificate, PEM.", needs="https-port"),
    _one(TLS, "ssl-certificate-key-file", v.FILE, "FILE", "Its private key, PEM.", needs="https-port"),
    _one(TLS, "ssl-certificate-chain-file", v.FILE, "FILE", "Intermediate certificates, PEM.", needs="https-port",
         since="6.1.1"),
    _one(TLS, "ssl-ca-certificate-file", v.FILE, "FILE", "Authority of client certificates; clients must have one.",
         needs="https-port"),
    _many(TLS, "ssl-verify-client", "URL", "Ask for client certificates below this URL path only.", v.URL,
          needs="ssl-ca-certificate-file"),
    _flag(TLS, "ssl-environment", "SSL_* variables in the WSGI environment.", needs="https-port"),
    _flag(TLS, "https-only", "Send HTTP clients to HTTPS.", needs="server-name"),
    _one(TLS, "hsts-policy", v.TEXT, "POLICY", "Strict-Transport-Security header, for example max-age=31536000.",
         needs="https-only"),
    _flag(TLS, "http2", "Speak HTTP/2 too.", since="6.1.1"),
    # -- capacity
    _one(CAPACITY, "processes", v.integer(1, 1000), "NUMBER",
         "Daemon processes; giving it makes wsgi.multiprocess true."),
    _one(CAPACITY, "threads", v.integer(1, 1000), "NUMBER", "Request threads of each process.", 5),
    _one(CAPACITY, "max-clients", v.integer(1, 20000), "NUMBER",
         "Connections httpd serves at once; default 10 + max(10, 1.5 x processes x threads).", daemon_only=True),
    _one(CAPACITY, "initial-workers", FRACTION, "0..1", "Part of max-clients that is started at once.",
         daemon_only=True),
    _one(CAPACITY, "minimum-spare-workers", FRACTION, "0..1", "Part of max-clients kept idle at least.",
         daemon_only=True),
    _one(CAPACITY, "maximum-spare-workers", FRACTION, "0..1", "Part of max-clients kept idle at most.",
         daemon_only=True),
    _one(CAPACITY, "server-backlog", v.integer(1, 65535), "NUMBER", "Connections the kernel may queue for httpd.", 500),
    _one(CAPACITY, "daemon-backlog", v.integer(1, 65535), "NUMBER", "Connections the kernel may queue for the daemons.",
         100, daemon_only=True),
    _many(CAPACITY, "server-mpm", "NAME", "Preferred MPM; the first one that this httpd has is taken.",
          v.choice("event", "worker", "prefork")),
    _one(CAPACITY, "send-buffer-size", BUFFER, "BYTES", "Send buffer of the sockets between httpd and daemons.",
         daemon_only=True),
    _one(CAPACITY, "receive-buffer-size", BUFFER, "BYTES", "Receive buffer of the same sockets.", daemon_only=True),
    _one(CAPACITY, "header-buffer-size", v.integer(8192, 2**24), "BYTES", "Largest response head taken from a daemon.",
         daemon_only=True),
    # -- timeouts and limits
    _one(TIMEOUTS, "limit-request-body", v.integer(0, 2**31 - 1), "BYTES", "Largest request body; 0 is no limit.",
         10485760),
    _one(TIMEOUTS, "maximum-requests", BYTES, "NUMBER",
         "Replace a process after so many requests (embedded mode: connections); 0 never.", 0),
    _one(TIMEOUTS, "request-timeout", SECONDS, "SECONDS", "Longest time for one request; 0 is no limit.", 60,
         daemon_only=True),
    _one(TIMEOUTS, "queue-timeout", SECONDS, "SECONDS", "Longest wait for a free daemon thread, then 504.", 45,
         daemon_only=True),
    _one(TIMEOUTS, "connect-timeout", SECONDS, "SECONDS", "Longest wait for a connection to a daemon, then 503.", 15,
         daemon_only=True),
    _one(TIMEOUTS, "socket-timeout", SECONDS, "SECONDS", "Longest wait for data from client or daemon.", 60),
    _one(TIMEOUTS, "startup-timeout", SECONDS, "SECONDS", "Replace a process whose application did not load by then.",
         15, daemon_only=True, since="6.1.1"),
    _one(TIMEOUTS, "shutdown-timeout", SECONDS, "SECONDS", "How long a process that ends may take for its last work.",
         5, daemon_only=True),
    _one(TIMEOUTS, "graceful-timeout", SECONDS, "SECONDS",
         "How long a process that is replaced may finish its requests.", 15, daemon_only=True),
    _one(TIMEOUTS, "eviction-timeout", SECONDS, "SECONDS",
         "The same for a replacement by signal; 0 means graceful-timeout.", 0, daemon_only=True),
    _one(TIMEOUTS, "deadlock-timeout", SECONDS, "SECONDS", "Replace a process whose interpreter lock is stuck.", 60,
         daemon_only=True),
    _one(TIMEOUTS, "inactivity-timeout", SECONDS, "SECONDS", "Replace a process that was idle for so long; 0 never.", 0,
         daemon_only=True),
    _one(TIMEOUTS, "restart-interval", SECONDS, "SECONDS", "Replace a process of this age; 0 never.", 0,
         daemon_only=True, since="6.1.1"),
    _one(TIMEOUTS, "cpu-time-limit", SECONDS, "SECONDS", "Replace a process that used so much processor time; 0 never.",
         0, daemon_only=True, since="6.1.1"),
    _one(TIMEOUTS, "interrupt-timeout", SECONDS, "SECONDS",
         "Replace a process whose request runs on so long after request-timeout.", 2,
         daemon_only=True, since="6.1.1"),
    _one(TIMEOUTS, "response-socket-timeout", SECONDS, "SECONDS",
         "Longest time a client may take nothing of a response; default is socket-timeout.", daemon_only=True,
         since="6.1.1"),
    _many(TIMEOUTS, "ignore-activity", "URL", "Requests below this URL path are not activity for inactivity-timeout.",
          v.URL, needs="inactivity-timeout", daemon_only=True, since="6.1.1"),
    _one(TIMEOUTS, "header-timeout", SECONDS, "SECONDS", "Wait for the first bytes of a request head; 0 is no limit.",
         15),
    _one(TIMEOUTS, "header-max-timeout", SECONDS, "SECONDS", "Longest time for a whole request head.", 30),
    _one(TIMEOUTS, "header-min-rate", BYTES, "BYTES/S", "A head that comes at this rate extends header-timeout.", 500),
    _one(TIMEOUTS, "body-timeout", SECONDS, "SECONDS", "Wait for the first bytes of a request body; 0 is no limit.",
         15),
    _one(TIMEOUTS, "body-max-timeout", SECONDS, "SECONDS", "Longest time for a whole request body; 0 is no limit.", 0),
    _one(TIMEOUTS, "body-min-rate", BYTES, "BYTES/S", "A body that comes at this rate extends body-timeout.", 500),
    _one(TIMEOUTS, "keep-alive-timeout", SECONDS, "SECONDS",
         "How long an idle connection stays open; 0 closes at once.", 2),
    # -- requests and URLs
    _one(MAPPING, "document-root", v.DIRECTORY, "DIRECTORY",
         "Files that exist below it are served before the application."),
    _one(MAPPING, "directory-index", v.FILE_NAME, "NAME",
         "Directories of document root and aliases that have this file answer with it."),
    _flag(MAPPING, "directory-listing",
          "List directories that are served statically (aliases, application type static)."),
    _many(MAPPING, "allow-override", "CLASS", "What .htaccess files below the document root may set.",
          v.choice("AuthConfig", "FileInfo", "Indexes", "Limit", "None", "All"), since="6.1.1", needs="document-root"),
    _one(MAPPING, "rewrite-rules", v.FILE, "FILE", "httpd configuration included in the section of the document root.",
         since="6.1.1", needs="document-root"),
    _many(MAPPING, "url-alias", "URL PATH", "Serve a file or a directory statically at a URL path.", v.URL,
          v.FILE_OR_DIRECTORY),
    _many(MAPPING, "add-handler", "EXTENSION FILE",
          "A script with handle_request() or application() answers for such files.", v.EXTENSION,
          v.FILE),
    _flag(MAPPING, "with-cgi", "Run files with the extension .cgi below the document root.", needs="document-root",
          since="6.1.1"),
    _many(MAPPING, "trust-proxy-header", "NAME",
          "Believe this header field about client, scheme and host, such as X-Forwarded-For.", v.HEADER),
    _many(MAPPING, "trust-proxy", "ADDRESS", "Believe it only from this proxy (address or network).", v.NETWORK,
          needs="trust-proxy-header"),
    _many(MAPPING, "error-document", "STATUS URL", "Page to show for a status that httpd itself answers with.",
          v.STATUS, v.URL),
    _many(MAPPING, "proxy-mount-point", "URL BACKEND", "Hand requests below a URL path to another server.",
          v.SLASHED_URL, v.BACKEND),
    _many(MAPPING, "proxy-virtual-host", "HOST BACKEND", "Hand requests for a host name to another server.",
          v.HOST_NAME, v.BACKEND),
    _one(MAPPING, "proxy-timeout", SECONDS, "SECONDS", "Longest wait for such a server; default is socket-timeout.",
         since="6.1.1"),
    _flag(MAPPING, "error-override", "Let --error-document pages replace error responses of the application."),
    _flag(MAPPING, "compress-responses", "Compress text responses for clients that accept it."),
    _flag(MAPPING, "chunked-request", "Accept request bodies without Content-Length."),
    _one(MAPPING, "map-head-to-get", v.choice("Auto", "On", "Off"), "WHEN",
         "Whether the application sees GET for HEAD.", "Auto"),
    _flag(MAPPING, "enable-sendfile", "Let the kernel send files (not for network file systems).", since="6.1.1"),
    _many(MAPPING, "setenv", "NAME VALUE", "Variable in the WSGI environment of every request.", v.VARIABLE,
          v.ANY_TEXT),
    _many(MAPPING, "passenv", "NAME", "Variable of the server's environment passed into the WSGI environment.",
          v.VARIABLE),
    _many(MAPPING, "include-file", "FILE", "httpd configuration included at the end.", v.FILE),
    # -- who may in
    _one(ACCESS, "host-access-script", v.FILE, "FILE", "Script whose allow_access() says which clients may in."),
    _one(ACCESS, "auth-user-script", v.FILE, "FILE",
         "Script whose check_password() (Digest: get_realm_hash()) knows the users."),
    _one(ACCESS, "auth-type", v.choice("Basic", "Digest"), "TYPE", "How clients log in.", "Basic",
         needs="auth-user-script"),
    _one(ACCESS, "auth-group-script", v.FILE, "FILE", "Script whose groups_for_user() knows the groups of a user.",
         needs="auth-user-script"),
    _one(ACCESS, "auth-group", v.NAME, "NAME", "Group that users must belong to.", "wsgi", needs="auth-group-script"),
    # -- identity, directories and Python
    _one(IDENTITY, "user", v.USER, "USER", "User to run as; needed when started as root, and only then possible."),
    _one(IDENTITY, "group", v.GROUP, "GROUP", "Group to run as; default is the user's own."),
    _one(IDENTITY, "working-directory", v.DIRECTORY, "DIRECTORY",
         "Directory the application runs in, first on sys.path; default is the current one."),
    _one(IDENTITY, "server-root", v.PATH, "DIRECTORY",
         "Where generated files go; default is a private directory for host and port."),
    _one(IDENTITY, "pid-file", v.PATH, "FILE", "Process id of the server; default is httpd.pid in the server root."),
    _one(IDENTITY, "runtime-directory", v.PATH, "DIRECTORY",
         "For pid, sockets, locks; with --user that user is to start httpd, not root.", since="toolkit"),
    _one(IDENTITY, "socket-prefix", v.DIRECTORY, "DIRECTORY",
         "Directory of the daemons' sockets; default is the server root.", daemon_only=True, since="6.1.1"),
    _many(IDENTITY, "python-path", "DIRECTORY", "Directory put in front of sys.path.", v.DIRECTORY),
    _one(IDENTITY, "python-eggs", v.PATH, "DIRECTORY", "Where Python eggs are unpacked."),
    _many(IDENTITY, "python-warnings", "FILTER", "Filter for Python's warnings, as python -W takes it.", v.TEXT,
          since="6.1.1"),
    _one(IDENTITY, "switch-interval", v.number(0.00001, 60.0), "SECONDS",
         "How long a thread runs Python before others get their turn.", since="6.1.1"),
    _flag(IDENTITY, "free-threading", "Run a free-threaded build of Python without its global lock.", since="6.1.1"),
    _flag(IDENTITY, "orphan-interpreter", "End processes without finalising Python.", since="6.1.1"),
    _flag(IDENTITY, "verbose-debugging", "Tell what becomes of each daemon process, at any --log-level."),
    _flag(IDENTITY, "reload-on-changes",
          "Replace processes when a loaded module's file changes; for development."),
    _flag(IDENTITY, "disable-reloading", "Never check whether the application's script or module changed."),
    _one(IDENTITY, "locale", v.LOCALE, "NAME",
         "Locale of the application; default is the environment's, never plain C or POSIX."),
    _one(IDENTITY, "envvars-script", v.FILE, "FILE",
         "Shell script that sets the server's environment before it starts."),
    _one(IDENTITY, "shell-executable", v.FILE, "FILE", "Shell that runs the script apachectl.", since="6.1.1"),
    _one(IDENTITY, "httpd-executable", v.FILE, "FILE", "The httpd to run instead of the one found."),
    _one(IDENTITY, "modules-directory", v.DIRECTORY, "DIRECTORY", "Where that httpd has its modules.",
         needs="httpd-executable"),
    _one(IDENTITY, "mime-types", v.FILE, "FILE", "Table of content types of static files."),
    # -- logging and status
    _one(LOGGING, "log-directory", v.PATH, "DIRECTORY", "Where logs go; default is the server root."),
    _one(LOGGING, "log-level", v.LOG_LEVEL, "LEVEL", "How much the error log tells.", "warn"),
    _flag(LOGGING, "log-to-terminal", "Log to the terminal (or where standard output goes) instead of files."),
    _flag(LOGGING, "access-log", "Write an access log."),
    _one(LOGGING, "access-log-format", v.TEXT, "FORMAT", "common, combined or an own format.", "common",
         needs="access-log"),
    _one(LOGGING, "error-log-format", v.TEXT, "FORMAT", "Format of a line of the error log.", since="6.1.1"),
    _flag(LOGGING, "startup-log", "Write what goes wrong at start to a log of its own."),
    _one(LOGGING, "error-log-name", v.FILE_NAME, "NAME", "File name of the error log.", "error_log"),
    _one(LOGGING, "access-log-name", v.FILE_NAME, "NAME", "File name of the access log.", "access_log",
         needs="access-log"),
    _one(LOGGING, "startup-log-name", v.FILE_NAME, "NAME", "File name of the startup log.", "startup_log",
         needs="startup-log"),
    _flag(LOGGING, "rotate-logs", "Start a new file when a log has reached --max-log-size."),
    _one(LOGGING, "max-log-size", v.integer(1, 100000), "MB", "Size at which --rotate-logs starts a new file.", 5,
         needs="rotate-logs"),
    _one(LOGGING, "keep-logs", v.integer(1, 10000), "NUMBER", "Remove the oldest files of a log beyond this number.",
         needs="rotate-logs", since="toolkit"),
    _one(LOGGING, "rotatelogs-executable", v.FILE, "FILE", "The rotatelogs program.", needs="rotate-logs"),
    _flag(LOGGING, "server-metrics", "Let the application ask mod_wsgi.server_metrics() what the server does."),
    _one(LOGGING, "telemetry-service", v.COLLECTOR, "unix:FILE", "Socket of a collector that hears what requests cost.",
         since="6.1.1"),
    _one(LOGGING, "telemetry-interval", v.number(0.5, 3600.0), "SECONDS", "How often it is told.", 1.0,
         needs="telemetry-service", since="6.1.1"),
    _one(LOGGING, "slow-requests", v.number(0.0, 86400.0), "SECONDS", "Tell it of each request that runs longer.",
         needs="telemetry-service", since="6.1.1"),
    _many(LOGGING, "telemetry-options", "FLAG", "What else it is told: CaptureUserAgent, All, or None.",
          v.matching("flag", "[+-]?CaptureUserAgent|All|None", "give CaptureUserAgent, All or None"),
          needs="telemetry-service", since="6.1.1"),
    _flag(LOGGING, "server-status", "Show httpd's status page at /server-status to local clients."),
    # -- service scripts
    _many(SERVICES, "service-script", "NAME FILE", "Run a Python script in a daemon process of its own.", v.NAME,
          v.FILE, daemon_only=True),
    _many(SERVICES, "service-user", "NAME USER", "User of that service; needs a start as root.", v.NAME, v.USER,
          daemon_only=True),
    _many(SERVICES, "service-group", "NAME GROUP", "Group of that service.", v.NAME, v.GROUP, daemon_only=True),
    _many(SERVICES, "service-log", "NAME FILE", "Log of that service: a file name in the log directory.", v.NAME,
          v.FILE_NAME, daemon_only=True),
    _many(SERVICES, "service-log-file", "NAME FILE", "The same as --service-log.", v.NAME, v.FILE_NAME,
          daemon_only=True),
    # -- debugging
    _flag(DEBUGGING, "debug-mode", "Run the application so that breakpoint() works; every tool below implies it."),
    _flag(DEBUGGING, "enable-debugger", "Stop in pdb where the application raises an exception."),
    _flag(DEBUGGING, "debugger-startup", "Stop in pdb before the application is loaded, to set breakpoints.",
          needs="enable-debugger"),
    _flag(DEBUGGING, "enable-coverage", "Write a coverage report (HTML) at the end; needs the package coverage."),
    _one(DEBUGGING, "coverage-directory", v.PATH, "DIRECTORY", "Where to; default is htmlcov in the server root.",
         needs="enable-coverage"),
    _flag(DEBUGGING, "enable-profiler", "Write a profile and a readable report of it at the end."),
    _one(DEBUGGING, "profiler-directory", v.PATH, "DIRECTORY", "Where to; default is pstats in the server root.",
         needs="enable-profiler"),
    _flag(DEBUGGING, "enable-recorder", "Keep every request and its response in files, for the command replay."),
    _one(DEBUGGING, "recorder-directory", v.PATH, "DIRECTORY", "Where to; default is archive in the server root.",
         needs="enable-recorder"),
    _flag(DEBUGGING, "enable-gdb", "Run httpd in gdb: a crash shows the stacks of C and Python."),
    _one(DEBUGGING, "gdb-executable", v.FILE, "FILE", "The gdb to run instead of the one in PATH.",
         needs="enable-gdb"),
    _flag(DEBUGGING, "allow-exposed-debugging",
          "Debug although other machines reach the server, or as the user of a service.", since="toolkit"),
)
# fmt: on

BY_NAME = {option.name: option for option in OPTIONS}
