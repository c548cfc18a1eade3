"""Which versions a profile may ask for, and which it gets."""

from __future__ import annotations

import pytest

from kubeup import components, profile
from kubeup.components.etcd import ETCD
from kubeup.model.errors import ProfileError
from kubeup.release.kubernetes import MINORS
from kubeup.sources.go_builds import STAND_INS

HEAD = "nodes: [root@192.168.200.13]\nroles: ai\n"


def refusal(text: str) -> str:
    with pytest.raises(ProfileError) as caught:
        profile.load_text(HEAD + text, "profile.yaml")
    return "\n".join(caught.value.evidence)


@pytest.mark.parametrize(
    ("text", "asked", "version"),
    [
        ('kubernetes: "1.36"\n', "1.36", MINORS["1.36"].patch),
        ("kubernetes: v1.36.1\n", "1.36.1", "1.36.1"),
        ("versions: {kubernetes: 1.36.1}\n", "1.36.1", "1.36.1"),
        ("", "", MINORS["1.37"].patch),
    ],
)
def test_a_profile_asks_for_a_patch_a_minor_or_nothing(text: str, asked: str, version: str) -> None:
    cluster = profile.load_text(HEAD + text, "profile.yaml").cluster
    assert (cluster.kubernetes_asked, cluster.versions.kubernetes) == (asked, version)


def test_an_old_etcd_is_told_to_be_old_and_not_to_have_holes_that_were_mended() -> None:
    told = refusal("versions: {etcd: 3.5.33}\n")
    assert "etcd 3.5.33 is older than what kubeup is tested with" in told
    assert "holes" not in told
    assert "etcd 3.6.13 has known holes in its authentication" in refusal("versions: {etcd: 3.6.13}\n")
    assert (
        profile.load_text(f"{HEAD}versions: {{etcd: 3.6.14}}\n", "profile.yaml").cluster.versions.of(ETCD) == "3.6.14"
    )


def test_what_stands_in_for_a_version_stands_in_for_one_that_clusters_get() -> None:
    given = {(program.key.replace("_", "-"), program.version) for program in components.programs().values()}
    assert set(STAND_INS) <= given
