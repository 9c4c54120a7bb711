# SPDX-License-Identifier: Apache-2.0
"""Bad input ends a play before anything is changed, with an error that names host, instance and key."""

from __future__ import annotations

import json

import pytest
from harness.ports import free_port

APP = {"name": "shop", "app": "/srv/shop/wsgi.py"}


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        (
            {"mod_wsgi_instances": [{**APP, "prot": 80}]},
            ["localhost: mod_wsgi_instances[0] (shop): unknown key 'prot'", "'port'"],
        ),
        (
            {"mod_wsgi_instances": [APP, {**APP, "name": "blog"}]},
            ["localhost: ", "port 8000 is wanted by shop and blog"],
        ),
        (
            {"mod_wsgi_instances": [{**APP, "source": "/nonexistent"}]},
            ["(shop): source: '/nonexistent' is not a directory"],
        ),
        (
            {"mod_wsgi_pyhton": "/usr/bin/python3"},
            ["unknown variable 'mod_wsgi_pyhton'", "Did you mean 'mod_wsgi_python'"],
        ),
        ({"mod_wsgi_httpd": "nginx"}, ["mod_wsgi_httpd", "nginx"]),
        ({"mod_wsgi_scope": "user", "mod_wsgi_manage_firewall": True}, ["only root can change a firewall. Remove it"]),
        ({"mod_wsgi_scope": "user", "mod_wsgi_manage_selinux": True}, ["only root can change a policy. Remove it"]),
        ({"mod_wsgi_python": "/nonexistent/python"}, ["/nonexistent/python is not there"]),
        (
            {
                "mod_wsgi_httpd": "bundled",
                "mod_wsgi_build_strategy": "wheelhouse",
                "mod_wsgi_build_wheelhouse": "/nonexistent",
            },
            ["localhost: /nonexistent on the controller has no wheel for", "modwsgi.toolkit.build"],
        ),
    ],
)
def test_bad_input(play, checkout, place, variables, parts):
    home = place / "home"
    everything = {
        "mod_wsgi_port": free_port(),
        "mod_wsgi_home": str(home),
        "mod_wsgi_log_dir": str(home / "log"),
        "mod_wsgi_data_dir": str(home / "data"),
    }
    # An account that is there, so that none is made.
    everything.update(mod_wsgi_user="nobody", mod_wsgi_group="nogroup", **variables)
    found = play(str(checkout / "site.yml"), "-e", json.dumps(everything))
    said = " ".join((found.stdout + found.stderr).split())
    assert found.returncode != 0
    for part in parts:
        assert part in said
    assert not home.exists()


@pytest.mark.parametrize(
    ("inventory", "words", "part"),
    [
        ("[mod_wsig]\nweb1\n", [], "no group mod_wsgi"),
        ("[mod_wsgi]\nweb1\n[other]\nweb2\n", ["--limit", "web2"], "--limit leaves no host"),
    ],
)
def test_a_run_that_matches_no_host_is_an_error(play, checkout, tmp_path, inventory, words, part):
    (tmp_path / "hosts").write_text(inventory)
    found = play(str(checkout / "site.yml"), "-i", str(tmp_path / "hosts"), *words)
    assert found.returncode != 0
    assert part in found.stdout + found.stderr
