"""Profiles: the ready ones, the defaults, and the exact words for every wrong one."""

from __future__ import annotations

import ipaddress
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeup import profile
from kubeup.model.cluster import HostKeys, Role, Runtime, Source, Taint
from kubeup.model.errors import ProfileError
from kubeup.profile import keys
from tests.support.cpu_budget import quickly
from tests.support.fuzzing import FUZZ
from tests.unit.profile import mutations

ROOT = Path(__file__).parents[3]
WRONG = sorted((Path(__file__).parent / "profiles_wrong").glob("*.yaml"))
GOOD = "nodes: [root@192.168.200.13, root@192.168.200.14]\nroles: ai i\n"


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_wrong_profiles_are_told_to_the_letter(path: Path) -> None:
    """KUBEUP_UPDATE=1 writes the texts anew; read each before you keep it."""
    with pytest.raises(ProfileError) as caught:
        profile.load_text(path.read_text(), "profile.yaml")
    error = caught.value
    told = "\n".join([error.message, *error.evidence, ""])
    expected = path.with_suffix(".txt")
    if os.environ.get("KUBEUP_UPDATE"):
        expected.write_text(told)
    assert told == expected.read_text()
    assert error.exit_code == 2


def test_there_are_enough_wrong_profiles() -> None:
    assert len(WRONG) >= 25


READY = [*sorted((ROOT / "profiles").glob("*.yaml")), ROOT / "tests/lab/release.yaml"]


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_profiles_load(path: Path) -> None:
    assert profile.load(path).cluster.control_plane


def test_five_facts_are_enough() -> None:
    cluster = profile.load(ROOT / "profiles/ai-i.yaml").cluster
    assert [node.address for node in cluster.nodes] == ["192.168.200.13", "192.168.200.14"]
    assert [sorted(role.value for role in node.roles) for node in cluster.nodes] == [
        ["control-plane", "worker"],
        ["worker"],
    ]
    assert cluster.network.service_range == ipaddress.IPv4Network("100.0.0.0/16")
    assert cluster.network.flannel_net == ipaddress.IPv4Network("172.16.0.0/16")
    assert str(cluster.network.dns_ip) == "100.0.0.2"
    assert cluster.name == "ai-i"
    assert cluster.runtime is None
    assert cluster.sources == (Source("cache"), Source("official"))
    assert cluster.host_keys is HostKeys.STRICT


def test_a_flag_may_be_given_several_times() -> None:
    flags = "{tls-sni-cert-key: [/a.crt, '/b.crt,/b.key'], --v: 2}"
    loaded = profile.load_text(f"{GOOD}kube_apiserver: {{flags: {flags}}}\n", "p.yaml")
    assert loaded.cluster.override("kube-apiserver").flags == {
        "tls-sni-cert-key": ("/a.crt", "/b.crt,/b.key"),
        "v": ("2",),
    }


def test_a_public_service_range_is_a_warning_with_its_place() -> None:
    loaded = profile.load(ROOT / "profiles/ai-i.yaml")
    assert len(loaded.warnings) == 1
    assert "100.0.0.0/16 is public" in loaded.warnings[0]


def test_an_even_number_of_masters_is_a_warning() -> None:
    loaded = profile.load_text(GOOD.replace("ai i", "ai ai"), "p.yaml")
    assert "2 control-plane nodes are no safer than 1" in loaded.warnings[0]


def test_nodes_as_mappings() -> None:
    text = """
nodes:
  - host: one
    address: 10.0.0.1
    name: first
    user: me
    port: 2222
    role: a
    bastion: gate
    host_key: "ssh-ed25519 AAAA"
  - {address: 10.0.0.2, role: i, labels: {disk: ssd}, taints: [dedicated=db:NoSchedule]}
ssh: {user: other, port: 2022}
"""
    one, two = profile.load_text(text, "p.yaml").cluster.nodes
    assert (one.host, one.address, one.name, one.user, one.port, one.bastion) == (
        "one",
        "10.0.0.1",
        "first",
        "me",
        2222,
        "gate",
    )
    assert one.roles == {Role.CONTROL_PLANE}
    assert (two.user, two.port, two.labels, two.taints) == (
        "other",
        2022,
        {"disk": "ssd"},
        (Taint("dedicated", "db", "NoSchedule"),),
    )


def test_versions_that_yaml_would_take_for_numbers_stay_what_was_written() -> None:
    assert profile.load_text(GOOD + "kubernetes: 1.36\n", "p.yaml").cluster.versions.kubernetes == "1.36.3"
    assert profile.load_text(GOOD + "kubernetes: v1.35.1\n", "p.yaml").cluster.versions.kubernetes == "1.35.1"


def test_component_settings_keep_their_types_and_both_spellings_work() -> None:
    text = GOOD + "kubelet: {config: {maxPods: 200, failSwapOn: false, a: '1'}}\nkube_apiserver: {flags: {v: 4}}\n"
    cluster = profile.load_text(text, "p.yaml").cluster
    assert cluster.override("kubelet").config == {"maxPods": 200, "failSwapOn": False, "a": "1"}
    assert cluster.override("kube-apiserver").flags == {"v": ("4",)}


def test_runtime_and_a_mirror() -> None:
    cluster = profile.load_text(GOOD + "runtime: docker\nsources: [cache, file:///mnt, go]\n", "p.yaml").cluster
    assert cluster.runtime is Runtime.DOCKER
    assert cluster.sources == (Source("cache"), Source("mirror", "file:///mnt"), Source("go"))


def test_a_labs_nodes_are_reached_by_the_labs_own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEUP_LAB_DIR", "/srv/labs")
    assert profile.load_text(f"{GOOD}lab: demo\n", "p.yaml").cluster.ssh_config == "/srv/labs/demo/ssh_config"


def test_what_is_said_closer_wins() -> None:
    text = f"ssh: {{config: /etc/mine}}\nlab: demo\nversions: {{kubernetes: 1.36.1}}\nkubernetes: 1.35\n{GOOD}"
    cluster = profile.load_text(text, "p.yaml").cluster
    assert cluster.ssh_config == "/etc/mine"
    assert cluster.versions.kubernetes == "1.36.1"


def test_a_missing_file_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="there is no"):
        profile.load(tmp_path / "none.yaml")


LINES = [path.read_text() for path in WRONG] + [GOOD]


@settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(LINES),
    st.integers(0, 400),
    st.integers(0, 60),
    st.text(st.characters(codec="utf-8", max_codepoint=0x2FFF), max_size=20)
    | st.sampled_from(["{", "[", "*a", "&a ", "? ", "!!x ", "- ", ": ", "|\n", "<<: "]),
)
def test_no_text_makes_anything_but_a_profile_error(text: str, at: int, cut: int, insert: str) -> None:
    mutated = text[:at] + insert + text[at + cut :]
    try:
        profile.load_text(mutated, "p.yaml")
    except ProfileError as error:
        told = error
    else:
        return
    assert told.evidence


SOUND = mutations.parse(mutations.WHOLE)


def test_the_whole_profile_is_sound() -> None:
    whole = profile.load_text(mutations.WHOLE, "p.yaml")
    assert whole.cluster.nodes
    profile.load_text(mutations.write(SOUND, 3), "p.yaml")


@settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**64))
def test_no_mutation_makes_anything_but_a_profile_error_or_takes_long(seed: int) -> None:
    text = mutations.profile(random.Random(seed), SOUND)
    told = quickly(lambda: problems_of(text))
    if text.count(mutations.PASSWORD) == text.count(f"{mutations.PASSWORD}@"):
        assert not [one for one in told if mutations.PASSWORD in one]


def problems_of(text: str) -> tuple[str, ...]:
    """What is wrong with a profile; a sound one gives a cluster that can be used."""
    try:
        loaded = profile.load_text(text, "p.yaml")
    except ProfileError as error:
        told = error.evidence
    else:
        assert loaded.cluster.api_server
        return ()
    assert told
    return told


ADDRESSES = ", ".join(f"10.{number // 250}.1.{number % 250}" for number in range(5000))


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"key{number}: x\n" for number in range(9000)),
        f"kubelet: {{{', '.join(f'key{number}: x' for number in range(8000))}}}",
        f"nodes: [{{address: 1.2.3.4, role: ai, labels: {{{', '.join(f'k {n}: x y@z' for n in range(8000))}}}}}]",
        f"nodes: [{ADDRESSES}]\nroles: ai{' i' * 4999}\nflannel_net: 10.0.0.0/8\n",
        f"nodes: [{', '.join(['1.2.3.4'] * 9000)}]\nroles: {'ai ' * 9000}\n",
        f"nodes: [a]\nroles: {'x ' * 60000}\n",
        f"nodes: ['{'a:' * 30000}@', '{'%' * 50000}@']\nroles: ai",
        f"nodes: [a]\nroles: ai\naddons: [{'x,' * 30000}]",
        GOOD * 1500,
        f"name: {'[' * 100000}",
        f"name: {'{a: ' * 50000}",
        f"name: {'- ' * 50000}",
        f"name: {'x' * 10_000_000}",
        "name: &a [*a, *a]",
    ],
    ids=lambda text: text[:20],
)
def test_no_profile_takes_long_or_fills_the_screen(text: str) -> None:
    # Twice what is seen on the slowest machine of ours; without bounds these take minutes.
    told = quickly(lambda: problems_of(text), 6)
    assert told
    assert sum(map(len, told)) < 300_000


def test_a_large_cluster_loads() -> None:
    text = f"nodes: [{ADDRESSES}]\nroles: ai{' i' * 4999}\nflannel_net: 172.16.0.0/12\nnode_mask: 26\n"
    assert len(profile.load_text(text, "p.yaml").cluster.nodes) == 5000


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs/profile.md").read_text()
    for key in keys.ALL:
        assert f"`{key.name}`" in text, key.name
