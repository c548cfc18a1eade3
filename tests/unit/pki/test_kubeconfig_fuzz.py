"""Whatever stands in the operator's kubeconfig: it is merged into and given back byte for byte, or left alone."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from kubeup.model.errors import KubeupError
from kubeup.pki import kubeconfig
from kubeup.pki.kubeconfig import Access
from tests.support.fuzzing import fuzz

ACCESS = Access("https://10.0.0.1:6443", b"ca", b"cert", b"key")

name = st.sampled_from(["work", "home", "demo", "2024", "yes", "a b", "ü", "null", "x: y", "#", "1e3", ""])
clusters = st.fixed_dictionaries(
    {}, optional={"server": st.sampled_from(["https://work:6443", ""]), "insecure-skip-tls-verify": st.booleans(),
                  "certificate-authority-data": st.sampled_from(["Y2E=", ""]), "proxy-url": st.just("socks5://x"),
                  "extensions": st.just([{"name": "minikube.sigs.k8s.io", "extension": {"since": "Mon, 01 Jan"}}])}
)  # fmt: skip
users = st.fixed_dictionaries(
    {}, optional={"token": st.sampled_from(["abc", "0123", "x" * 200]), "username": name, "password": name,
                  "exec": st.just({"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "args": ["-"],
                                   "env": [{"name": "AWS_PROFILE", "value": "work"}], "interactiveMode": "IfAvailable",
                                   "provideClusterInfo": False})}
)  # fmt: skip
contexts = st.fixed_dictionaries({"cluster": name, "user": name}, optional={"namespace": name})


def entries(kind: str, inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    held = st.one_of(inner, inner, inner, st.none())
    return st.one_of(
        st.lists(st.tuples(name, held).map(lambda pair: {"name": pair[0], kind: pair[1]}), max_size=2,
                 unique_by=lambda entry: str(entry["name"])),
        st.none(),
    )  # fmt: skip


document = st.fixed_dictionaries(
    {}, optional={"apiVersion": st.just("v1"), "kind": st.just("Config"), "current-context": name,
                  "preferences": st.just({}), "clusters": entries("cluster", clusters), "users": entries("user", users),
                  "contexts": entries("context", contexts)}
)  # fmt: skip


def in_yaml(document: Any, flow: bool | None, indent: tuple[int, int], width: int) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    yaml.default_flow_style = flow
    yaml.sequence_indent, yaml.sequence_dash_offset = indent
    yaml.width = width
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue().split("---", 1)[1].lstrip("\n ")


text = st.one_of(
    st.builds(
        in_yaml,
        document,
        st.sampled_from([None, True, False]),
        st.sampled_from([(2, 0), (4, 2)]),
        st.sampled_from([20, 80, 1000]),
    ),
    document.map(json.dumps),
    document.map(lambda one: json.dumps(one, indent=1)),
)
around = st.sampled_from(["", "# mine\n", "---\n", "\ufeff", "\n\n", "%YAML 1.1\n---\n"])
dressed = st.builds(
    lambda text, before, after, ends: (before + text + after).replace("\n", ends), text, around,
    st.sampled_from(["", "\n# end", "\n", "...\n"]), st.sampled_from(["\n", "\n", "\r\n"]),
)  # fmt: skip
PIECES = ["", "&a ", "*a", "\t", "{", "- ", "<<: ", "!!", "'", ": ", "\n", "# ", "\r", "~", "? "]


def cut_and_put(text: str, at: int, length: int, piece: str) -> str:
    at %= len(text) + 1
    return text[:at] + piece + text[at + length :]


piece = st.sampled_from(PIECES) | st.text(max_size=5)
mutated = st.builds(cut_and_put, dressed, st.integers(0, 2000), st.integers(0, 30), piece)
broken = mutated.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=40)


@contextmanager
def a_file(before: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config"
        path.write_bytes(before)
        path.chmod(0o640)
        yield path


def merged_and_undone(before: bytes) -> None:
    with a_file(before) as path:
        try:
            merged = kubeconfig.merge(path, "demo", ACCESS)
        except KubeupError:
            pass
        else:
            assert merged.changed
            assert kubeconfig.has(path, "demo", ACCESS.server)
            assert not kubeconfig.merge(path, "demo", ACCESS).changed
            assert kubeconfig.remove(path, "demo")
        assert path.read_bytes() == before
        assert path.stat().st_mode & 0o777 == 0o640
        assert list(path.parent.iterdir()) == [path]


@fuzz(1 / 4)
@given(dressed)
def test_no_kubeconfig_makes_anything_but_a_merge_that_is_undone_to_the_byte_or_an_error(before: str) -> None:
    """``merged_and_undone`` asserts."""
    merged_and_undone(before.encode())


@fuzz()
@given(broken)
def test_no_bytes_in_a_kubeconfig_makes_anything_but_an_error_or_a_merge_that_is_undone(before: bytes) -> None:
    """``merged_and_undone`` asserts."""
    merged_and_undone(before)


KUBECTL = shutil.which("kubectl") or max(
    Path("~/.cache/kubeup/release/kubectl").expanduser().glob("*/*/kubectl"), default=None
)


def seen(path: Path) -> Any:
    """A kubeconfig as kubectl understands it; None where it does not."""
    words = [str(KUBECTL), "config", "view", "--raw", "-o", "json", "--kubeconfig", str(path)]
    done = subprocess.run(words, capture_output=True, check=False, timeout=20)
    return json.loads(done.stdout) if done.returncode == 0 else None


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl to ask")
@fuzz(1 / 25)
@given(dressed, st.sampled_from(["demo", "2024", "yes", "null"]))
def test_no_merge_makes_anything_but_three_entries_more_for_kubectl(before: str, cluster: str) -> None:
    with a_file(before.encode()) as path:
        earlier = seen(path)
        assume(earlier is not None)
        try:
            kubeconfig.merge(path, cluster, ACCESS)
        except KubeupError:
            assume(False)
        now = seen(path)
        assert now is not None
        assert now["current-context"] == cluster
        for kind in ("clusters", "users", "contexts"):
            others = [entry for entry in now[kind] or [] if entry["name"] != cluster]
            assert others == (earlier[kind] or []), kind
            assert len(now[kind]) == len(others) + 1


FOUND = {
    "an empty file": "",
    "only a comment": "# mine\n",
    "only preferences": "preferences: {colors: true}\n",
    "a current context that is nowhere": "current-context: demo\n",
    "an entry without a name": "clusters:\n- cluster: {}\n  name:\n",
    "line ends of Windows": "apiVersion: v1\r\nclusters: []\r\n",
    "JSON": '{"clusters": [{"name": "work", "cluster": {"server": "https://work:6443"}}]}',
    "two lists that are one": "clusters: &all [{name: work}]\nusers: *all\n",
}


@pytest.mark.parametrize("before", FOUND.values(), ids=FOUND)
def test_what_was_there_is_there_again(before: str) -> None:
    merged_and_undone(before.encode())
    with a_file(before.encode()) as path:
        assert kubeconfig.merge(path, "demo", ACCESS).changed


def test_comments_between_entries_outlive_a_merge() -> None:
    with a_file(b"clusters:\n- name: work\n# at home\n- name: home\n# no more\nusers: []\n") as path:
        kubeconfig.merge(path, "demo", ACCESS)
        text = path.read_text()
    assert text.index("# at home") < text.index("name: home") < text.index("# no more") < text.index("name: demo")


@pytest.mark.parametrize("before", ["{!!clusters: [{name: x}]}", "[" * 10_000])
def test_what_the_reader_stumbles_over_is_an_error(before: str) -> None:
    with a_file(before.encode()) as path:
        with pytest.raises(KubeupError, match="cannot be read"):
            kubeconfig.merge(path, "demo", ACCESS)
        assert path.read_text() == before


def test_what_cannot_be_written_again_without_loss_is_left_alone_and_said_beforehand() -> None:
    with a_file(b"? {}") as path:
        refusal = kubeconfig.refusal({"KUBECONFIG": str(path)}, "demo")
        with pytest.raises(KubeupError) as raised:
            kubeconfig.merge(path, "demo", ACCESS)
        assert path.read_bytes() == b"? {}"
        assert list(path.parent.iterdir()) == [path]
    assert refusal
    assert refusal.message == raised.value.message
    assert refusal.message == f"{path} is written in a way that kubeup cannot write again without loss"
    assert refusal.fix == f"let kubectl write it anew: kubectl config view --raw >{path}.new && mv {path}.new {path}"
