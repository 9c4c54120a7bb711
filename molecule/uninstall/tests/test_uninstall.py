# SPDX-License-Identifier: Apache-2.0
"""A host that was provisioned and uninstalled is the host that it was before."""

from __future__ import annotations

from testinfra.host import Host


def everything(host: Host, when: str) -> set[str]:
    return set(host.file(f"/root/everything.{when}").content_string.splitlines())


def test_it_did_serve(host: Host) -> None:
    made = everything(host, "serving") - everything(host, "before")
    for part in ("file /opt/mod_wsgi", "account mod_wsgi:", "unit mod_wsgi-guestbook.service", "process "):
        assert [line for line in made if line.startswith(part)], part


def test_data_logs_and_their_owner_are_kept_unless_asked(host: Host) -> None:
    kept = everything(host, "kept") - everything(host, "before")
    assert "file /var/lib/mod_wsgi/guestbook/guestbook.sqlite3" in kept
    assert "file /var/log/mod_wsgi/guestbook/tally.log" in kept
    assert [line for line in kept if line.startswith("account mod_wsgi:")]
    beyond = [
        line
        for line in kept
        if not line.startswith(
            ("file /var/lib/mod_wsgi", "file /var/log/mod_wsgi", "account mod_wsgi:", "group mod_wsgi:")
        )
    ]
    notes = ["", "/accounts.json", "/kept", "/kept/guestbook"]
    assert sorted(beyond) == [f"file /opt/mod_wsgi{note}" for note in notes]


def test_nothing_is_left(host: Host) -> None:
    before = everything(host, "before")
    after = set(host.check_output("/root/everything.sh").splitlines())
    assert {"gone": sorted(before - after), "new": sorted(after - before)} == {"gone": [], "new": []}
