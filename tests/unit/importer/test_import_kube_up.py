"""kube-up's configuration: realistic files to the letter, the shell's ways one by one, and any text at all."""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeup import importer, profile
from kubeup.cli.main import main
from kubeup.importer import shell
from kubeup.importer.conversion import HowItEnded
from kubeup.importer.draft import scalar
from kubeup.importer.settings import GONE, KNOWN
from kubeup.model.errors import ProfileError
from tests.support.cpu_budget import quickly

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parent / "kube_up"
FILES = sorted(FOLDER.glob("*.conf"))
FUZZ = int(os.environ.get("KUBEUP_FUZZ", "300"))
MINIMAL = 'nodes="root@192.168.200.13 root@192.168.200.14"\nroles="ai i"\n'


def read(path: Path) -> importer.Imported:
    return importer.load_bytes(path.read_bytes(), path.name)


def told(found: importer.Imported) -> str:
    """All of an import as one text."""
    rows = [f"{fate.line}: {fate.name}: {fate.outcome.value}: {fate.became}" for fate in found.fates]
    notes = [f"{note.line}: {note.text}{''.join(f' [{name}]' for name in note.names)}" for note in found.notes]
    parts = ["# profile", found.profile, "# settings", *rows, "# not followed", *notes]
    return "\n".join([*parts, "# errors", *found.errors, "# warnings", *found.warnings, ""])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_becomes_of_a_configuration_is_told_to_the_letter(path: Path) -> None:
    """KUBEUP_UPDATE=1 writes the texts anew; read each before you keep it."""
    found = told(read(path))
    expected = path.with_suffix(".txt")
    if os.environ.get("KUBEUP_UPDATE"):
        expected.write_text(found)
    assert found == expected.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_profile_that_comes_out_loads(path: Path) -> None:
    found = read(path)
    assert bool(found.profile) != bool(found.errors)
    if found.profile:
        assert profile.load_text(found.profile, "profile.yaml").cluster.control_plane


def test_the_two_machines_of_the_story_become_their_ready_profile() -> None:
    cluster = profile.load_text(read(FOLDER / "story.conf").profile, "ai-i.yaml").cluster
    ready = profile.load(ROOT / "profiles/ai-i.yaml").cluster
    assert (cluster.nodes, cluster.network) == (ready.nodes, ready.network)
    assert cluster.addons == ("dns", "metrics-server", "dashboard")
    assert cluster.registries.mirrors == {"docker.io": ("http://hub-mirror:5000",)}
    assert cluster.registries.insecure == ("appstore:5000",)
    assert cluster.proxy.http == "http://me:geheim@10.0.0.1:3128"


def test_every_setting_of_a_file_has_its_row() -> None:
    for path in FILES:
        found = read(path)
        assert sorted(fate.name for fate in found.fates) == sorted(shell.read(path.read_text()).settings), path


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/import.md").read_text()
    assert not [name for name in KNOWN if f"`{name}`" not in text]


def value(text: str, name: str = "x") -> str:
    return shell.read(text).settings[name].value


BASH = r"""
a=plain
b='single $a' c="double $a \$a \" \\ \x"
d=$a/e${a}f$'tab\there'
e=${unset_one:-default}/${unset_one-two words}/${a:-no}/${a:+yes}/${unset_one:+no}
f=${g:=given}/$g
h="x ${unset_one:-"inner $a"} y" i=${unset_one:-'it is'}
j=one\
two k="three \
four"
l=   m=after
n="$n more" n="$n and more"
o=a#b # a comment
p=x;q=y
export r=1 s="2 3"
readonly t=4
u=(one "two three" $k 'four')
u+=(five)
v=${u[1]} w="${u[*]}"
aa=(x y) ; aa[1]=z
bb="${aa[@]}"
cc=~user dd=x~
ee=$'it\'s'
ff=${a:-}${unset_one:-}
gg="a
b"
hh=x=y
ii=$ jj="a$" kk=a\ b
ll=$"locale"
mm=${unset_one:-a}b}
nn='`not run`' oo="\`neither\`"
"""


def test_values_are_what_bash_makes_of_them() -> None:
    found = shell.read(BASH).settings
    names = [name for name, one in found.items() if one.items is None and name != "cc"]
    script = BASH + "\n".join(f"printf '%s\\0' \"${{{name}}}\"" for name in names)
    real = subprocess.run(["bash", "-c", script], env={}, capture_output=True, timeout=20, check=True).stdout.decode()
    assert {name: found[name].value for name in names} == dict(zip(names, real.split("\0"), strict=False))
    assert found["u"].items == ("one", "two three", "three", "four", "four", "five")
    assert len(names) >= 35


@pytest.mark.parametrize(
    "text", ["x=$(touch F)", "x=`touch F`", "x=${y:-$(touch F)}", 'x="a $(touch F)"', "x=$((y=1))"]
)
def test_commands_are_never_carried_out_and_told(text: str, tmp_path: Path) -> None:
    setting = shell.read(text.replace("F", str(tmp_path / "ran"))).settings["x"]
    assert len(setting.unknown) == 1
    assert setting.unknown[0] in text.replace("F", str(tmp_path / "ran"))
    assert not (tmp_path / "ran").exists()


def test_what_is_made_of_the_unknown_is_unknown() -> None:
    found = importer.load_text("ME=$(hostname -I)\n" + MINIMAL.replace("root@192.168.200.13", "root@$ME"), "c.sh")
    assert "c.sh:1:4: `nodes` cannot be worked out: it needs $(hostname -I)" in found.errors[0]


@pytest.mark.parametrize(
    "text",
    [
        "if true; then x=1; fi",
        "if true\nthen\n x=1\nelif y; then x=2; else x=3\nfi",
        "f() { x=1; }",
        "function f { x=1; }",
        "function f() {\n if a; then\n x=1\n fi\n}",
        "function f\n{\n x=1\n}",
        "for i in a b; do x=$i; done",
        "while read -r y; do x=$y; done < file",
        "case $y in a|b) x=1 ;; *) x=2 ;; esac",
        "( x=1 )",
        "{ x=1; }",
        "[[ -n $y ]] && x=1",
        "[ -n y ] ||\n x=1",
        "test -n y | x=1",
        "x=1 command",
        "x=1 &",
        "if a; then :; fi && x=1",
    ],
)
def test_what_may_not_have_run_sets_nothing_and_is_told(text: str) -> None:
    found = shell.read(f"before=1\n{text}\nafter=2\n")
    assert list(found.settings) == ["before", "after"]
    assert any("x" in note.names for note in found.notes)
    assert not found.problems


@pytest.mark.parametrize(
    "text",
    [
        "cat <<EOF\nx=1\nEOF",
        "cat <<-'E F'\n\tx=1\n\tE F",
        "cat <<A <<B\nx=1\nA\nx=2\nB",
        "# x=1",
        "echo 'x=1' > y",
        "echo x=1",
    ],
)
def test_what_only_looks_like_an_assignment_is_none(text: str) -> None:
    found = shell.read(f"{text}\nafter=2\n")
    assert list(found.settings) == ["after"]
    assert not found.problems


@pytest.mark.parametrize(
    "text", ["x='a", 'x="a', "x=$(a", "x=`a", "x=${a", "x=(a", "if a; then", "f() {", "cat <<E\nx"]
)
def test_what_no_shell_can_read_is_told_with_its_line(text: str) -> None:
    found = importer.load_text(f"{MINIMAL}{text}\n", "c.sh")
    assert not found.profile
    assert found.errors[0].startswith("c.sh:3:")
    assert "never closed" in found.errors[0]


def problems(extra: str, base: str = MINIMAL) -> list[str]:
    """The first line of each problem, without the file's name."""
    found = importer.load_text(base + extra, "c.sh")
    return [text.split("\n")[0].removeprefix("c.sh:") for text in (*found.errors, *found.warnings)]


@pytest.mark.parametrize(
    ("extra", "first"),
    [
        ("NUM_NODES=3\n", "3:11: warning: NUM_NODES is 3, and 2 of the 2 roles run pods"),
        ("role='ai i i'\n", "3:1: warning: `role` stands beside `roles`"),
        ("FLANNEL_NET=10.97.0.0/16\nSERVICE_CLUSTER_IP_RANGE=10.96.0.0/12\n", "3:13: the pods' range 10.97.0.0/16"),
        ("DNS_SERVER_IP=192.168.200.14\n", "3:15: DNS_SERVER_IP is the address of the node root@192.168.200.14"),
        ("DNS_SERVER_IP=10.0.0.10\n", "3:15: the DNS address 10.0.0.10 is not in the service range 10.96.0.0/16"),
        ("roles='ai i i'\n", "3:8: there are 3 roles for 2 nodes"),
        ("roles='ai m'\n", "3:11: unknown role `m`"),
        ("nodes='root@10.0.0.1 root@10.0.0.1'\n", "3:22: the address 10.0.0.1 is also that of node 1"),
        ("nodes=\n", "3:1: `nodes` is empty"),
        ("FLANEL_NET=10.1.0.0/16\n", "3:1: warning: kube-up has no setting `FLANEL_NET`"),
        ("FLANNEL_NET = 10.1.0.0/16\n", "3:1: warning: blanks around = make a command of `FLANNEL_NET`"),
        ("FLANNEL_NET= 10.1.0.0/16\n", "3:1: warning: the blank after = leaves `FLANNEL_NET` as it was"),
        ("FLANNEL_BACKEND='{}'\nFLANNEL_BACKEND='{\"Type\": \"gce\"}'\n", "4:28: warning: flannel's backend gce"),
    ],
)
def test_the_classic_mistakes_are_found_with_their_places(extra: str, first: str) -> None:
    assert any(problem.startswith(first) for problem in problems(extra)), problems(extra)


def test_a_sound_file_has_no_problems() -> None:
    assert problems("") == []
    assert problems("NUM_NODES=2\nFLANNEL_NET=172.16.0.0/16\n") == []


def test_the_place_of_a_mistake_is_where_its_text_stands() -> None:
    base = 'export nodes=${nodes:-"root@10.0.0.1 \\\n  root@10.0.0.256"}\nrole="ai i"\nroles=($role)\n'
    assert problems("", base) == ["2:3: `10.0.0.256` is neither an address nor a name"]
    base = 'LAST=root@10.0.0.256\nnodes="root@10.0.0.1 $LAST"\nroles="ai i"\n'
    assert problems("", base)[0].startswith("1:6: ")


def settings_of(extra: str) -> dict[str, tuple[HowItEnded, str]]:
    found = importer.load_text(MINIMAL + extra, "c.sh")
    return {fate.name: (fate.outcome, fate.became) for fate in found.fates}


@pytest.mark.parametrize(
    ("extra", "yaml"),
    [
        ("SSH_OPTS='-oPort=2222 -o User=me'", "ssh: {port: 2222, user: me}"),
        ("SSH_OPTS='-p2222 -J gate -F config'", "ssh: {port: 2222, bastion: gate, config: config}"),
        ("DOCKER_OPTS='--registry-mirror http://a --registry-mirror=http://b'", "{docker.io: [http://a, http://b]}"),
        ("DOCKER_OPTS=--insecure-registry=\"'a:5000'\"", "insecure_registries: [a:5000]"),
        ("PROXY_SETTING='HTTPS_PROXY=http://a:1 no_proxy=b,c'", "proxy: {https: http://a:1, no_proxy: [b, c]}"),
        ("ENABLE_CLUSTER_UI=true", "addons: [dns, dashboard]"),
        ("ENABLE_CLUSTER_DNS=false", "addons: []"),
        ('FLANNEL_BACKEND=\'{"Type": "vxlan", "DirectRouting": true}\'', "Backend: {DirectRouting: true}"),
        ('FLANNEL_BACKEND=\'{"Type": "vxlan", "Port": 8473}\'', "Backend: {Port: 8473}"),
        ("KUBELET_CONFIG=/etc/manifests", "config: {staticPodPath: /etc/manifests}"),
        ("SERVICE_NODE_PORT_RANGE=1000-2000", "node_port_range: 1000-2000"),
    ],
)
def test_settings_become_the_profiles_own(extra: str, yaml: str) -> None:
    found = importer.load_text(f"{MINIMAL}{extra}\n", "c.sh")
    assert yaml in found.profile
    assert not found.errors
    assert profile.load_text(found.profile, "profile.yaml").cluster


def test_what_is_dockers_own_is_left_to_it() -> None:
    outcome, became = settings_of("DOCKER_OPTS='-H tcp://127.0.0.1:4243 --bip=1.2.3.4/24'\n")["DOCKER_OPTS"]
    assert outcome is HowItEnded.LEFT
    assert became.startswith("-H: left to the node's own Docker")


def test_old_settings_say_why_they_are_gone() -> None:
    found = settings_of("".join(f"{name}=x\n" for name in GONE))
    assert all(found[name] == (HowItEnded.GONE, GONE[name]) for name in GONE)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"x" * 70000], ids=["no text", "too large"])
def test_what_is_no_configuration_is_refused(data: bytes) -> None:
    with pytest.raises(ProfileError):
        importer.load_bytes(data, "c.sh")


def run(*words: str, given_text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["import", *words], input=given_text)


def test_the_command_prints_the_profile_alone_on_stdout() -> None:
    result = run(str(FOLDER / "story.conf"))
    assert result.exit_code == 0
    assert result.stdout == read(FOLDER / "story.conf").profile
    assert "SERVICE_CLUSTER_IP_RANGE" in result.stderr
    assert "geheim" not in result.stderr


def test_the_command_reads_from_stdin() -> None:
    assert "roles: ai i" in run("-", given_text=MINIMAL).stdout


def test_the_command_fails_with_2_and_writes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "profile.yaml"
    result = run(str(FOLDER / "mistakes.conf"), "-o", str(target))
    assert (result.exit_code, result.stdout, target.exists()) == (2, "", False)
    assert "mistakes.conf:3:7: there are 3 roles for 2 nodes" in result.stderr
    assert run(str(tmp_path / "none.sh")).exit_code == 2


def test_a_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "profile.yaml"
    target.write_text("mine")
    refused = run(str(FOLDER / "arrays.conf"), "-o", str(target))
    assert (refused.exit_code, target.read_text()) == (2, "mine")
    assert "--force" in refused.stderr
    assert run(str(FOLDER / "arrays.conf"), "-o", str(target), "--force").exit_code == 0
    assert profile.load(target).cluster.control_plane
    assert list(tmp_path.iterdir()) == [target]
    assert run(str(FOLDER / "arrays.conf"), "-o", str(tmp_path), "--force").exit_code == 2


def test_a_profile_with_a_password_is_its_owners_alone(tmp_path: Path) -> None:
    run(str(FOLDER / "story.conf"), "-o", str(tmp_path / "secret.yaml"))
    assert stat.S_IMODE((tmp_path / "secret.yaml").stat().st_mode) == 0o600


PIECES = [
    *"=$'\"`\\(){}[];&|<>#!~*?@:-+%/,. \n\t\r",
    *(
        "$(",
        "${",
        "$((",
        "))",
        "((",
        "<<",
        "<<-",
        "EOF\n",
        "&&",
        "||",
        ";;",
        "+=",
        ":-",
        ":=",
        "[@]",
        "$'",
        '$"',
        "\\\n",
    ),
    *(
        "if ",
        "then ",
        "fi\n",
        "for ",
        "do ",
        "done\n",
        "case ",
        "in ",
        "esac\n",
        "function ",
        "export ",
        "unset ",
        ": ",
    ),
    *(
        "nodes=",
        "roles=",
        "role=",
        "x=",
        "$x",
        "${x",
        "root@10.0.0.1",
        "ai i",
        "FLANNEL_NET=",
        "²",
        "“",
        "\x00",
        "é",
        "😀",
    ),
]
SHELL = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=60).map("".join)
TEXTS = [path.read_bytes().decode() for path in FILES] + [BASH, MINIMAL]


def holds(text: str) -> None:
    """What must hold of any text: no traceback, no hang, and a profile exactly where there is no error."""
    found = quickly(lambda: importer.load_text(text, "c.sh"))
    assert bool(found.profile) != bool(found.errors)
    if found.profile:
        profile.load_text(found.profile, "profile.yaml")


@settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
@given(SHELL)
def test_no_shell_makes_a_traceback(text: str) -> None:
    """``holds`` asserts: a profile that loads or an error in words, and soon."""
    holds(text)
    holds(MINIMAL + text)


@settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(TEXTS), st.integers(0, 4000), st.integers(0, 60), SHELL)
def test_no_edit_of_a_configuration_makes_a_traceback(text: str, at: int, cut: int, insert: str) -> None:
    """``holds`` asserts: a profile that loads or an error in words, and soon."""
    holds(text[:at] + insert + text[at + cut :])


@settings(max_examples=FUZZ // 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(KNOWN)), st.text(max_size=20) | SHELL)
def test_no_value_of_a_setting_makes_a_traceback(name: str, text: str) -> None:
    """``holds`` asserts: a profile that loads or an error in words, and soon."""
    quoted = "'" + text.replace("'", "'\\''").replace("\0", "") + "'"
    holds(f"{MINIMAL}{name}={quoted}\n")
    holds(f"{MINIMAL}{name}={json.dumps(text)}\n")


@settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=30))
def test_any_word_survives_the_profile(text: str) -> None:
    from kubeup.profile import tree

    root, problems = tree.read(f"a: [{scalar(text)}]\n")
    assert root is not None
    assert not problems
    assert root.entries[0][1].items[0].text == text


@pytest.mark.parametrize(
    "text",
    [
        "x=$x$x\n" * 5000,
        "x=aaaaaaaaaaaaaaaa\n" + "x=$x$x\n" * 5000,
        "x+=(a)\n" * 9000,
        "x=(" + "a " * 30000 + ")",
        "x=" + "${x:-" * 10000,
        "x=" + '"${x:-' * 10000,
        "x=" + "$(" * 30000,
        "x=" + "`" * 60001,
        "if " * 20000,
        "{\n" * 30000,
        "((" * 30000,
        "f()" * 20000,
        "x=\\" * 15000,
        "<<a " * 15000 + "\n" * 100,
        "a:" * 30000 + "\nnodes='" + "a:" * 100 + "@'",
        "nodes='" + "a@" * 30000 + "'",
        "nodes='" + "a:" * 30000 + "@'\nroles=ai",
        "nodes='" + "%" * 60000 + "@'\nroles=ai",
        "FLANNEL_BACKEND='" + "[" * 60000 + "'",
        'FLANNEL_BACKEND=\'{"Port": ' + "9" * 10000 + "}'",
        "DNS_SERVER_IP=" + "9" * 60000,
        "".join(f"v{number}=x\n" for number in range(6000)),
        "".join(f"v{number}=$v{number - 1}\n" for number in range(5000)) + "nodes=$v4999\nroles=ai",
    ],
    ids=lambda text: text[:16].encode("unicode_escape").decode(),
)
def test_no_file_takes_long(text: str) -> None:
    """``holds`` asserts: a profile that loads or an error in words, and soon."""
    text = text[: shell.LARGEST]
    holds(text)
    holds(MINIMAL[: shell.LARGEST - len(text)] + text)


def test_a_random_soup_takes_no_longer() -> None:
    """``holds`` asserts: a profile that loads or an error in words, and soon."""
    random_ = random.Random(1)
    for _ in range(5):
        holds("".join(random_.choices(PIECES, k=20000))[: shell.LARGEST])
