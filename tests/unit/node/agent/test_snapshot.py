"""Which differences between two snapshots are told."""

from __future__ import annotations

import pytest

from kubeup.node.agent import snapshot


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("content", "/run/sudo/ts/1000", False),
        ("content", "/run/sudo-rs/ts/1000", False),  # of Ubuntu 25.10 and later
        ("content", "/run/sudoers", True),
        ("content", "/run/systemd/transient/session-c7.scope", False),
        ("unit-file", "session-12.scope", False),
        ("content", "/run/systemd/transient/left.scope", True),
        ("unit-file", "session-keeper.service", True),
        ("content", "/run/flannel/subnet.env", True),
    ],
)
def test_what_a_login_leaves_is_no_difference(kind: str, name: str, told: bool) -> None:
    before, after = ({(kind, name): digest} for digest in ("1", "2"))
    found = snapshot.compare(before, after, snapshot.exemptions())
    assert [one.name for one in found] == ([name] if told else [])
