# SPDX-License-Identifier: Apache-2.0
"""A run that matches no host is an error, never a silent success, and never an install on the wrong machine."""

from __future__ import annotations

import pytest
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils.hosts import choose


def test_an_empty_inventory_is_this_machine():
    assert choose({"all": [], "ungrouped": []}) == ["localhost"]
    assert choose({"all": ["localhost"], "ungrouped": ["localhost"]}) == ["localhost"]


def test_the_group():
    assert choose({"all": ["a", "b", "c"], "mod_wsgi": ["a", "b"]}) == ["a", "b"]
    assert choose({"all": ["a", "b", "c"], "mod_wsgi": ["a", "b"]}, ["b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("groups", "limit", "part"),
    [
        ({"all": ["a"], "mod_wsig": ["a"]}, None, "no group mod_wsgi"),
        ({"all": [], "mod_wsgi": []}, None, "empty"),
        ({"all": ["a", "c"], "mod_wsgi": ["a"]}, ["c"], "--limit"),
        ({"all": []}, ["nobody"], "--limit"),
    ],
)
def test_nobody_is_an_error(groups, limit, part):
    with pytest.raises(ValueError, match=part):
        choose(groups, limit)
