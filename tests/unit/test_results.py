# SPDX-License-Identifier: Apache-2.0
"""What tasks that loop over instances returned: put together by name, and told when it failed."""

from __future__ import annotations

from ansible_collections.modwsgi.toolkit.plugins.filter.wheels import NOT_YET, built
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import releases, results

NOTHING = {"version": "", "venv": ""}
STAGED = [
    {"name": "shop", "version": "2", "code": "/a/shop/2", "venv": "", "was": {"version": "1", "venv": "/v/shop-1"}},
    {"name": "blog", "version": "", "code": "", "venv": "/v/blog-0", "was": NOTHING},
]
VENVS = [{"name": "blog", "path": "/v/blog-1"}, {"name": "shop", "path": "/v/shop-2"}]


def instance(name: str, python: str, requirements: str | None) -> dict:
    spec = {"python": python, "requirements": requirements}
    return {"name": name, "spec": spec, "paths": {"venv_base": f"/v/{name}"}}


def test_each_instance_gets_the_build_of_its_python_and_the_requirements_of_its_release():
    instances = [
        instance("shop", "/p3", "lib/r.txt"),
        instance("blog", "/p4", "/srv/r.txt"),
        instance("wiki", "/p4", None),
    ]
    staged = [{**STAGED[0], "sha256": {"lib/r.txt": "abc"}}, {**STAGED[1], "sha256": {}}]
    staged += [{"name": "wiki", "code": "", "sha256": {}}]
    found = releases.environments(instances, staged, {"/p3": {"build": 3}, "/p4": {"build": 4}})
    assert [each["name"] for each in found] == ["shop", "blog", "wiki"]
    assert [each["base"] for each in found] == ["/v/shop", "/v/blog", "/v/wiki"]
    assert [each["build"] for each in found] == [{"build": 3}, {"build": 4}, {"build": 4}]
    assert [each["requirements"] for each in found] == ["/a/shop/2/lib/r.txt", "/srv/r.txt", ""]
    assert [each["requirements_sha256"] for each in found] == ["abc", "", ""]


def test_there_and_back():
    staged = releases.switches(STAGED, VENVS)
    assert staged["shop"] == {"version": "2", "venv": "/v/shop-2", "was": {"version": "1", "venv": "/v/shop-1"}}
    assert staged["blog"] == {"version": "", "venv": "/v/blog-1", "was": NOTHING}
    back = releases.before(staged)
    assert back["shop"] == {"version": "1", "venv": "/v/shop-1"}
    assert back["blog"] == staged["blog"]


def test_a_release_that_was_looked_for_keeps_its_environment():
    assert releases.switches(STAGED)["blog"]["venv"] == "/v/blog-0"


def test_every_item_that_failed_is_told():
    items = [
        {"failed": True, "msg": "shop: ill"},
        {"failed": False, "msg": "fine"},
        {"failed": True, "msg": "blog: ill"},
    ]
    assert results.failure({"msg": "One or more items failed", "results": items}) == "shop: ill; blog: ill"
    assert results.failure({"msg": "no disk"}) == "no disk"
    assert results.failure({}) == "no reason is known"


def test_what_was_built():
    httpd, module = ({"path": f"/h/{name}"} for name in ("key1/mod_wsgi_httpd-2.4.whl", "key2/mod_wsgi-5.0-cp311.whl"))
    whole = built({"httpd": "bundled", "wheels": {"module": module, "httpd": httpd}}, "/h")
    assert whole == {
        "httpd": "bundled",
        "version": "5.0",
        "wheelhouse": "/h",
        "wheels": [httpd["path"], module["path"]],
    }
    half = built({"httpd": "bundled", "wheels": {"module": {"path": None}, "httpd": httpd}}, "/h")
    assert (half["version"], half["wheels"]) == (NOT_YET, [NOT_YET])
    assert built({"httpd": "system", "wheels": {}}, "/h")["wheels"] == [NOT_YET]
