# SPDX-License-Identifier: Apache-2.0
"""Configurations of other releases are understood: every directive and every option of a daemon group that 4.4.11 or
6.1.1 of mod_wsgi knows is known here. The names stand here as data, independent of the module's own tables."""

from __future__ import annotations

import re
from typing import Callable

import pytest
from harness.server import Httpd

Make = Callable[..., Httpd]


def words(text: str) -> list[str]:
    return text.split()


# Those that are for httpd 2.0 or Python 2 only are among them where an httpd 2.4 accepted them.
DIRECTIVES_4_4_11 = words("""
WSGIAcceptMutex WSGIAccessScript WSGIApplicationGroup WSGIAuthGroupScript WSGIAuthUserScript WSGICallableObject
WSGICaseSensitivity WSGIChunkedRequest WSGIDaemonProcess WSGIDispatchScript WSGIDontWriteBytecode WSGIEnableSendfile
WSGIErrorOverride WSGIGroupAuthoritative WSGIHandlerScript WSGIImportScript WSGILazyInitialization WSGIMapHEADToGET
WSGINewRelicConfigFile WSGINewRelicEnvironment WSGIPassApacheRequest WSGIPassAuthorization WSGIProcessGroup
WSGIPy3kWarningFlag WSGIPythonEggs WSGIPythonHashSeed WSGIPythonHome WSGIPythonOptimize WSGIPythonPath
WSGIPythonWarnings WSGIRestrictEmbedded WSGIRestrictProcess WSGIRestrictSignal WSGIRestrictStdin WSGIRestrictStdout
WSGIScriptAlias WSGIScriptAliasMatch WSGIScriptReloading WSGIServerMetrics WSGISocketPrefix WSGITrustedProxies
WSGITrustedProxyHeaders WSGIVerboseDebugging
""")
ADDED_BY_6_1_1 = words("""
WSGIDestroyInterpreter WSGIFreeThreading WSGIIgnoreActivity <WSGIInterpreterOptions WSGIPerInterpreterGIL
WSGISlowRequests WSGISocketRotation WSGISwitchInterval WSGITelemetryOptions WSGITelemetryService
""")

OPTIONS_4_4_11 = words("""
chroot connect-timeout cpu-priority cpu-time-limit deadlock-timeout display-name eviction-timeout graceful-timeout group
header-buffer-size home inactivity-timeout lang listen-backlog locale maximum-requests memory-limit newrelic-config-file
newrelic-environment processes python-eggs python-home python-path queue-timeout receive-buffer-size request-timeout
response-buffer-size script-group script-user send-buffer-size server-metrics shutdown-timeout socket-timeout
socket-user stack-size supplementary-groups threads umask user virtual-memory-limit
""")
OPTIONS_ADDED_BY_6_1_1 = words("""
interrupt-timeout response-flush-delay response-socket-timeout restart-interval startup-timeout switch-interval
""")


def test_the_lists_are_whole() -> None:
    assert len(DIRECTIVES_4_4_11) + len(ADDED_BY_6_1_1) == 53
    assert (len(OPTIONS_4_4_11), len(OPTIONS_ADDED_BY_6_1_1)) == (40, 6)


@pytest.fixture(scope="module")
def known(module_path: object) -> set[str]:
    server = Httpd(module_path)  # type: ignore[arg-type]
    try:
        server.configure("")
        return set(re.findall(r"^(\S+) \(mod_wsgi\.c\)$", server.run("-L")[1], re.MULTILINE))
    finally:
        server.dispose()


@pytest.mark.parametrize("name", [*DIRECTIVES_4_4_11, *ADDED_BY_6_1_1])
def test_directive_is_known(known: set[str], name: str) -> None:
    assert name in known


def test_options_are_known(httpd: Make) -> None:
    _, output = httpd("WSGIDaemonProcess d no-such-option=1", start=False).check()
    match = re.search(r'unknown option "no-such-option"; the options are (.*)', output)
    assert match, output
    assert {*OPTIONS_4_4_11, *OPTIONS_ADDED_BY_6_1_1} - set(match.group(1).split(", ")) == set()


# As a site of an older release may have it.
OLD_SITE = """
WSGILazyInitialization On
WSGIPythonOptimize 1
WSGIPythonEggs {data}
WSGIAcceptMutex sysvsem
WSGISocketPrefix {root}/run/wsgi
WSGIRestrictStdin On
WSGIVerboseDebugging On
WSGINewRelicConfigFile /etc/newrelic.ini
WSGIDaemonProcess site processes=1 threads=5 display-name=%{GROUP} home={data} python-eggs={data} umask=0022 \\
    maximum-requests=1000 inactivity-timeout=300 shutdown-timeout=5 deadlock-timeout=60 request-timeout=60 \\
    graceful-timeout=15 eviction-timeout=0 connect-timeout=15 socket-timeout=60 queue-timeout=45 stack-size=524288 \\
    listen-backlog=100 send-buffer-size=0 receive-buffer-size=0 header-buffer-size=0 response-buffer-size=0 \\
    cpu-time-limit=0 cpu-priority=0 memory-limit=0 virtual-memory-limit=0 newrelic-environment=production \\
    server-metrics=Off lang=C.UTF-8 locale=C.UTF-8
WSGIImportScript {apps}/groups.py process-group=site application-group=%{GLOBAL}
WSGIScriptAlias / {apps}/groups.py
<Directory {apps}>
    WSGIProcessGroup site
    WSGIApplicationGroup %{GLOBAL}
    WSGIPassAuthorization On
    WSGIScriptReloading On
    WSGIGroupAuthoritative On
    WSGIRestrictProcess site
</Directory>
"""


def test_a_site_of_an_older_release_runs(httpd: Make) -> None:
    server = httpd(OLD_SITE)
    response = server.get("/")
    assert response.status == 200
    assert '"process_group": "site"' in response.text
