# SPDX-License-Identifier: Apache-2.0
"""Rules that SELinux is given and that are taken back. The tests are one story, each begins where one ended."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import runner
from testinfra.host import Host

ON: list[dict[str, Any]] = [{"name": "shop", "port": 8085, "host": "*"}, {"name": "blog", "state": "absent"}]
OFF = [ON[0]]
PLACES = "/opt/mod_wsgi /var/log/mod_wsgi /var/lib/mod_wsgi"


def site(*arguments: str, **variables: Any) -> str:
    return runner.run(Path(__file__).parents[1] / "converge.yml", *arguments, **variables)


def labelled(host: Host) -> set[int]:
    """Ports that httpd may listen on beyond those of the policy."""
    found = host.check_output("semanage port -l -C -n").split()
    assert found[:2] == ["http_port_t", "tcp"]
    return {int(port.strip(",")) for port in found[2:]}


def types(host: Host, *paths: str) -> list[str]:
    """What the policy has for these files; and every file has what it has for it."""
    assert host.check_output(f"restorecon -R -n -v {PLACES}") == ""
    return [line.split(":")[2] for line in host.check_output("matchpathcon " + " ".join(paths)).splitlines()]


def module(host: Host) -> str:
    found = "/opt/mod_wsgi/venvs/shop-*/lib/python*/site-packages/mod_wsgi/server/*.so"
    return host.check_output(f"ls {found}").split()[0]


def rules(host: Host) -> list[str]:
    return sorted(host.check_output("/root/rules.sh").splitlines())


def rules_before(host: Host) -> list[str]:
    return sorted(host.file("/root/rules.before").content_string.splitlines())


def test_files_and_ports_are_those_of_httpd(host: Host) -> None:
    assert labelled(host) == {8081, 8082, 8083}
    root = "/opt/mod_wsgi/instances/shop"
    assert types(host, f"{root}/apachectl", f"{root}/httpd.conf") == ["httpd_exec_t", "httpd_config_t"]
    assert types(host, "/opt/mod_wsgi/apps/shop", module(host)) == ["httpd_sys_content_t", "httpd_modules_t"]
    log, data = "/var/log/mod_wsgi/shop/error_log", "/var/lib/mod_wsgi/shop"
    assert types(host, log, data, "/run/mod_wsgi/shop") == ["httpd_log_t", "httpd_var_lib_t", "httpd_runtime_t"]
    assert types(host, f"{module(host).partition('/lib/')[0]}/bin/pip") == ["bin_t"]


def test_a_second_run_touched_nothing(host: Host) -> None:
    before = set(host.file("/root/everything.snapshot").content_string.splitlines())
    units = ["mod_wsgi-shop.service", "mod_wsgi-blog.service"]
    after = {line for unit in units for line in host.check_output(f"/root/snapshot.sh {unit}").splitlines()}
    assert {"gone": sorted(before - after), "new": sorted(after - before)} == {"gone": [], "new": []}


def test_a_port_changes_an_instance_goes_and_a_lost_rule_comes_back(host: Host) -> None:
    host.check_output("semanage fcontext -d '/opt/mod_wsgi/(apps|venvs)(/.*)?'")
    before = rules(host)
    foreseen = site("--check", "--diff", mod_wsgi_instances=ON, mod_wsgi_uninstall_data=True)
    assert rules(host) == before
    done = site("--diff", mod_wsgi_instances=ON, mod_wsgi_uninstall_data=True)
    lines = re.compile(r"^[+-] .*(?:tcp|files).*", re.MULTILINE)
    assert sorted(lines.findall(foreseen)) == sorted(lines.findall(done))
    assert "+ give type http_port_t of port 8085/tcp" in done
    assert "- take back type httpd_exec_t of files /opt/mod_wsgi/instances/blog/apachectl" in done
    assert labelled(host) == {8083, 8085}
    assert "ufw allow 8085/tcp comment 'mod_wsgi'" in rules(host)
    assert types(host, "/opt/mod_wsgi/apps/shop", module(host)) == ["httpd_sys_content_t", "httpd_modules_t"]


def test_all_is_taken_back_when_the_opt_ins_are_off(host: Host) -> None:
    site(mod_wsgi_instances=OFF, mod_wsgi_manage_selinux=False, mod_wsgi_manage_firewall=False)
    assert rules(host) == rules_before(host)
    assert types(host, "/opt/mod_wsgi/apps/shop", "/var/lib/mod_wsgi/shop") == ["usr_t", "var_lib_t"]
    assert not host.file("/opt/mod_wsgi/policy.json").exists


def test_an_uninstall_leaves_what_was_there_before(host: Host) -> None:
    site(mod_wsgi_instances=OFF)
    assert labelled(host) == {8083, 8085}
    runner.run("modwsgi.toolkit.uninstall", mod_wsgi_uninstall_confirm="all", mod_wsgi_uninstall_data=True)
    assert rules(host) == rules_before(host)
    before = set(host.file("/root/everything.before").content_string.splitlines())
    after = set(host.check_output("/root/everything.sh").splitlines())
    assert {"gone": sorted(before - after), "new": sorted(after - before)} == {"gone": [], "new": []}
