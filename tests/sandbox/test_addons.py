"""Addons' objects are taken away only where the API said that nobody needs them; run with a stub of kubectl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeup.components.addons import CHECK, SCRIPT
from tests.support.sandbox import Sandbox

KIND = "load-balancer\tapiextensions.k8s.io/v1\tCustomResourceDefinition\t-\tpools.metallb.io"
SPACE = "load-balancer\tv1\tNamespace\t-\tmetallb-system"
THING = "load-balancer\tv1\tConfigMap\tmetallb-system\tsettings"
STAYS = "dns\tv1\tService\tkube-system\tkube-dns"
SLOW = "echo 'Error from server (Timeout): the server was unable to return a response in time' >&2; exit 1"


@dataclass
class Api:
    """What a stub of kubectl answers. answers: a pattern of its words -> shell."""

    box: Sandbox
    answers: dict[str, str]

    def run(self, old: str, new: str) -> subprocess.CompletedProcess[str]:
        """apply.sh, on a cluster whose inventory lists ``old`` where the files have ``new``."""
        self.answers.setdefault("*get?configmap?kubeup-addons*", f"cat <<'END'\n{old}\nEND\n")
        self.answers.setdefault("create*", f"cat <<'END'\n{new}\nend\nEND\n")
        cases = "".join(f"{pattern.replace(' ', '?')}) {answer} ;;\n" for pattern, answer in self.answers.items())
        skip = 'while [ "${1#--}" != "$1" ]; do shift; done\n'
        stub = f'#!/bin/sh\n{skip}echo "$*" >>{self.box.root}/asked\ncase "$*" in\n{cases}esac\n'
        self.box.write("bin/kubectl", stub, 0o755)
        (self.box.root / "asked").write_text("")
        variables = "FOLDER=/etc/kubeup/addons INVENTORY=/etc/kubeup/addons.yaml LABEL=kubeup.io/addon MAKES= AWAITS= "
        script = SCRIPT.replace("/opt/kubeup/bin/kubectl", str(self.box.root / "bin/kubectl"))
        script = script.replace("/run/kubeup-addons", str(self.box.root / "run/kubeup-addons"))
        return subprocess.run(
            [self.box.shell, "-c", f"{variables.replace(' ', chr(10))}PATIENCE=1\nLIMIT=1\nexec 3>&2\n{script}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def deleted(self) -> list[str]:
        """The names of what was to be deleted."""
        lines = (self.box.root / "asked").read_text().split("\n")
        return [line.rpartition(" ")[2] for line in lines if line.startswith("delete ")]

    @property
    def forgot(self) -> bool:
        """Whether a new inventory was written."""
        return "apply --server-side --force-conflicts --field-manager=kubeup -f /etc/kubeup/addons.yaml" in (
            (self.box.root / "asked").read_text().split("\n")
        )


@pytest.fixture
def api(sandbox: Sandbox) -> Api:
    kind = "echo customresourcedefinition.apiextensions.k8s.io/pools.metallb.io"
    return Api(sandbox, {"get?customresourcedefinition?*": kind})


def test_what_nobody_wants_goes_and_is_forgotten(api: Api) -> None:
    done = api.run(f"{KIND}\n{SPACE}\n{THING}", "")
    assert done.returncode == 0, done.stderr
    assert api.deleted == ["settings", "pools.metallb.io", "metallb-system"]
    assert "note\taddon\tload-balancer gone" in done.stderr
    assert api.forgot


@pytest.mark.parametrize(
    ("question", "stays"),
    [
        ("get customresourcedefinition *", "pools.metallb.io"),
        ("get pools.metallb.io *", "pools.metallb.io"),
        ("-n metallb-system get pods -l *", "metallb-system"),
        ("-n metallb-system get pods,services,*", "metallb-system"),
    ],
)
def test_what_the_api_does_not_answer_about_stays_and_is_tried_again(api: Api, question: str, stays: str) -> None:
    api.answers = {question: SLOW, **api.answers}
    done = api.run(f"{KIND}\n{SPACE}\n{THING}", "")
    assert done.returncode == 1
    assert "the server was unable to return a response in time" in done.stdout
    assert stays not in api.deleted
    assert "load-balancer gone" not in done.stderr
    assert not api.forgot


def test_what_could_not_be_deleted_is_not_forgotten(api: Api) -> None:
    api.answers["delete configmap*"] = api.answers["delete ConfigMap*"] = SLOW
    done = api.run(THING, "")
    assert done.returncode == 1
    assert "the server was unable to return a response in time" in done.stdout
    assert not api.forgot


@pytest.mark.parametrize("new", ["exit 137", f"printf '%s\\n' '{STAYS}'", "true"], ids=["killed", "cut off", "silent"])
def test_a_list_of_what_is_wanted_that_broke_off_takes_nothing_away(api: Api, new: str) -> None:
    api.answers["create*"] = new
    done = api.run(f"{THING}\n{STAYS}", "")
    assert done.returncode == 1
    assert api.deleted == []
    assert not api.forgot


def test_an_inventory_that_cannot_be_had_ends_it_before_anything_is_applied(api: Api) -> None:
    api.answers["*get?configmap?kubeup-addons*"] = SLOW
    done = api.run("", STAYS)
    assert done.returncode == 1
    assert "apply" not in (api.box.root / "asked").read_text()


def test_a_list_of_what_runs_that_broke_off_is_no_list(sandbox: Sandbox) -> None:
    from kubeup.commands.addons import LIST

    sandbox.write("bin/kubectl", f"#!/bin/sh\ncase $* in *configmap*) {SLOW} ;; esac\n", 0o755)
    text = LIST.read_text().replace("/opt/kubeup/bin/kubectl", str(Path(sandbox.root / "bin/kubectl")))
    done = subprocess.run(
        [sandbox.shell, "-c", f"LABEL=x\n{text}"], capture_output=True, text=True, timeout=20, check=False
    )
    assert "done" not in done.stdout


INVENTORY = f"""# revision abc
objects: ...
{STAYS}
"""
JOB = "dns\tbatch/v1\tJob\tkube-system\tonce"
SAID = f"=found\tv1\tService\tkube-system\tkube-dns\n=revision\tabc\n{STAYS}\n{THING}\n{JOB}\n"
CONFIG = "=found\tv1\tConfigMap\tmetallb-system\tsettings\n"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (f"{SAID}{CONFIG}=end", None),
        (f"{SAID}=end", "why: ConfigMap metallb-system/settings is gone"),
        ("=revision\tabc\n" + SAID.split("\n", 2)[2] + "=end", "why: Service kube-system/kube-dns and 1 more are gone"),
        (f"{SAID}{CONFIG}=short\tDeployment coredns\n=end", "why: not all pods of Deployment coredns are ready"),
        (f"{SAID}{CONFIG}", ""),
        (f"{SAID}{CONFIG}=end".replace("abc", "old"), ""),
        ("=end", ""),
        ("", ""),
    ],
    ids=["all", "one gone", "two gone", "not ready", "broken off", "another inventory", "nothing", "silent"],
)
def test_an_object_that_is_gone_is_named(sandbox: Sandbox, said: str, why: str | None) -> None:
    """A job may be set to go by itself once it is done."""
    sandbox.write("/etc/kubeup/addons.yaml", INVENTORY)
    sandbox.write("/etc/kubeup/addons/dns.yaml", "kind: Service\n")
    sandbox.write("bin/kubectl", f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n", 0o755)
    done = checked(sandbox)
    assert (done.returncode, done.stdout.rstrip("\n")) == ((1, why) if why is not None else (0, ""))


def test_an_api_that_does_not_answer_is_no_cluster_without_objects(sandbox: Sandbox) -> None:
    sandbox.write("/etc/kubeup/addons.yaml", INVENTORY)
    sandbox.write("bin/kubectl", f"#!/bin/sh\n{SLOW}\n", 0o755)
    done = checked(sandbox)
    assert done.returncode == 1
    assert done.stdout.startswith("why: Error from server (Timeout)")


def checked(box: Sandbox) -> subprocess.CompletedProcess[str]:
    folder = box.root / "etc/kubeup"
    text = f"FOLDER={folder}/addons\nINVENTORY={folder}/addons.yaml\n{CHECK}"
    text = text.replace("/opt/kubeup/bin/kubectl", str(box.root / "bin/kubectl"))
    return subprocess.run([box.shell, "-c", text], capture_output=True, text=True, timeout=20, check=False)
