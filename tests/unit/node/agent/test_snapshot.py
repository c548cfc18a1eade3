"""Which differences between two snapshots are told."""

from __future__ import annotations

import pytest

from kubeup.node.agent import snapshot


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/run/sudo/ts/1000", False),
        ("/run/sudo-rs/ts/1000", False),  # of Ubuntu 25.10 and later
        ("/run/sudoers", True),
        ("/run/flannel/subnet.env", True),
    ],
)
def test_what_a_login_by_sudo_notes_is_no_difference(path: str, told: bool) -> None:
    before, after = ({("content", path): digest} for digest in ("1", "2"))
    found = snapshot.compare(before, after, snapshot.exemptions())
    assert [one.name for one in found] == ([path] if told else [])
