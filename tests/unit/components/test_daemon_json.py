"""Whatever stands in the daemon.json of a machine's own Docker: it is merged into without loss, or left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeup.components import docker_daemon
from kubeup.components.docker_daemon import DAEMON, Merged
from kubeup.model.facts import Facts, FileFact, Owned, Record
from kubeup.model.resources import ORIGINAL, sha256
from tests.support.fuzzing import fuzz
from tests.unit.components.dockers import facts, wishing

MIRROR, REGISTRY = "https://mirror.example.com", "registry.example.com:5000"
CLUSTER = wishing((MIRROR,), (REGISTRY,))
LISTS = {"registry-mirrors": MIRROR, "insecure-registries": REGISTRY}

word = st.sampled_from([MIRROR, f"{MIRROR}/", REGISTRY, "https://mine", "", "ü", '"', "\\", "\ud800", "\u2028"])
number = st.sampled_from(["0", "-1", "1.0", "1e3", "1e400", "9" * 30, "NaN", "Infinity", "01", "0.1000000000000000055"])
key = st.sampled_from([*LISTS, "log-opts", "hosts", "bip", "debug", "userns-remap", "log-driver", "proxies", "ü", ""])


def pairs(items: list[tuple[str, str]]) -> str:
    """Written by hand: a mapping of Python's has no key twice, and no number longer than its own."""
    return "{" + ",".join(f"{json.dumps(name)}: {value}" for name, value in items) + "}"


value = st.recursive(
    st.one_of(word.map(json.dumps), number, st.sampled_from(["true", "null", "[]", "{}", '["a", 1]'])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda found: "[" + ", ".join(found) + "]"),
        st.lists(st.tuples(key, inner), max_size=3).map(pairs),
    ),
    max_leaves=8,
)
own_list = st.tuples(st.sampled_from(sorted(LISTS)), st.lists(word, max_size=3).map(json.dumps))
document = st.lists(st.one_of(own_list, st.tuples(key, value)), max_size=4).map(pairs)
spaced = st.builds(
    lambda text, space, end: text.replace(",", f",{space}").replace("{", f"{{{space}") + end,
    document, st.sampled_from(["", "\n  ", "\n\t", "\r\n    ", "\n"]), st.sampled_from(["", "\n", "\r\n", "\0", " x"]),
)  # fmt: skip
nested = st.integers(1, 3000).map(lambda depth: "[" * depth)
content = st.one_of(
    spaced.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.one_of(value, nested, nested.map('{{"a": {}'.format)).map(str.encode),
    st.binary(max_size=20),
)


def of_docker(daemon: bytes) -> Facts:
    found = FileFact(DAEMON, "file", 0o640, "root:docker", len(daemon), sha256(daemon), "", daemon)
    return replace(facts(), files={DAEMON: found})


def result(merged: Merged) -> bytes | None:
    found = next((one for one in merged.files if one.path == DAEMON), None)
    assert found is None or (found.mode, found.owner) == (0o640, "root:docker")
    return found.content if found else None


def exactly(text: str) -> Any:
    """All that JSON says: order, keys that stand there twice, numbers digit by digit."""
    return json.loads(text, object_pairs_hook=tuple, parse_int=str, parse_float=float, parse_constant=no_json)


def no_json(text: str) -> None:
    raise ValueError(text)


def with_lists(own: Any) -> dict[str, Any]:
    expected = dict(own)
    for name, wanted in LISTS.items():
        there = expected.get(name) or []
        if wanted not in [one.rstrip("/") for one in there if isinstance(one, str)]:
            expected[name] = [*there, wanted]
    return expected


@fuzz()
@given(content)
def test_no_daemon_json_makes_anything_but_a_merge_without_loss_or_a_conflict(daemon: bytes) -> None:
    about = of_docker(daemon)
    merged = docker_daemon.merge(CLUSTER, about)
    docker_daemon.logs_grow(about)
    docker_daemon.remaps_users(about)
    if any(one.severity == "error" for one in merged.conflicts):
        return
    after = result(merged)
    own = exactly(daemon.decode() or "{}") if daemon.strip() else ()
    assert len(dict(own)) == len(own), "a key that stands there twice is no one's wish"
    if after is None:
        assert with_lists(own) == dict(own)
        return
    assert dict(exactly(after.decode())) == with_lists(own)
    assert after.endswith(b"\n")
    files = {DAEMON: of_docker(after).files[DAEMON], ORIGINAL + DAEMON: about.files[DAEMON]}
    record = Record(owned={DAEMON: Owned("file", DAEMON, sha256(after), had_original=True)})
    assert result(docker_daemon.merge(CLUSTER, replace(about, files=files, record=record))) == after


FOUND = {
    "a key twice, of which one would be lost": ('{"bip": "10.9.0.1/24", "bip": "x"}', "`bip` is in it twice"),
    "a number that is infinite for Python": ('{"debug": 1e400}', "1e400 is no number"),
    "what Python alone takes for JSON": ('{"debug": NaN}', "NaN is no number"),
    "more brackets than Python can count": ('{"a": ' + "[" * 100_000, "it is nested too deeply"),
    "one mirror where a list must be": ('{"registry-mirrors": "x"}', "`registry-mirrors` is no list of words"),
    "a mirror that is none": ('{"registry-mirrors": [1]}', "`registry-mirrors` is no list of words"),
}


@pytest.mark.parametrize(("daemon", "words"), FOUND.values(), ids=FOUND)
def test_what_cannot_be_written_again_without_loss_is_left_alone(daemon: str, words: str) -> None:
    merged = docker_daemon.merge(CLUSTER, of_docker(daemon.encode()))
    assert merged.files == ()
    assert [one.message for one in merged.conflicts] == [f"{DAEMON} cannot be read: {words}"]


@pytest.mark.parametrize("daemon", ["", " \n", '{"registry-mirrors": null}'])
def test_where_nothing_is_said_the_lists_are_new(daemon: str) -> None:
    after = result(docker_daemon.merge(CLUSTER, of_docker(daemon.encode())))
    assert json.loads(after or b"") == {"registry-mirrors": [MIRROR], "insecure-registries": [REGISTRY]}
