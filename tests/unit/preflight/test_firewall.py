"""Firewalls at work on a machine: what they would drop of a cluster, and that what is told to type is enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup.model.cluster import Override
from kubeup.model.facts import DroppingChain, FirewallFact
from kubeup.preflight.problem import PreflightProblem
from tests.support.machines import SOUND
from tests.unit.preflight.subjects import CLUSTER, problems

HEAD = """Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), disabled (routed)
New profiles: skip

To                         Action      From
--                         ------      ----
22/tcp                     ALLOW IN    Anywhere
OpenSSH                    LIMIT IN    Anywhere
"""
PODS = """Anywhere                   ALLOW IN    172.16.0.0/16
Anywhere                   ALLOW FWD   172.16.0.0/16
172.16.0.0/16              ALLOW FWD   Anywhere                   # to pods
22/tcp (v6)                ALLOW IN    Anywhere (v6)
"""
UFW = {
    # Rules above those for pods, where only node two at 10.0.0.2 is missing -> the command, if one is needed
    "Anywhere ALLOW IN 10.0.0.2": "",
    "Anywhere ALLOW 10.0.0.2": "",
    "Anywhere ALLOW IN 10.0.0.2 (log)": "",
    "Anywhere ALLOW IN 10.0.0.0/24": "",
    "10.0.0.1 ALLOW IN 10.0.0.0/24": "",
    "Anywhere ALLOW IN Anywhere": "",
    "6443,10250/tcp ALLOW IN 10.0.0.2\n2379:2380/tcp ALLOW IN 10.0.0.2\n8472/udp ALLOW IN 10.0.0.2": "",
    "Anywhere/tcp ALLOW IN 10.0.0.2/tcp\n8472/udp ALLOW IN 10.0.0.0/8": "",
    "10.0.0.0/24/tcp ALLOW IN 10.0.0.0/24/tcp\n8472/udp ALLOW IN 10.0.0.0/255.0.0.0": "",
    "25/tcp DENY IN Anywhere\nAnywhere ALLOW IN 10.0.0.2": "",
    "Anywhere DENY IN 10.0.0.3\nAnywhere ALLOW IN 10.0.0.0/24": "",
    "Anywhere ALLOW IN 10.0.0.2\nAnywhere DENY IN 10.0.0.0/24": "",
    "Anywhere DENY IN 10.0.0.2": "ufw insert 1 allow from 10.0.0.2",
    "Anywhere REJECT IN 10.0.0.0/24\nAnywhere ALLOW IN 10.0.0.2": "ufw insert 1 allow from 10.0.0.2",
    "10250/tcp DENY IN Anywhere\nAnywhere ALLOW IN 10.0.0.2": "ufw insert 1 allow from 10.0.0.2",
    "Anywhere LIMIT IN 10.0.0.2": "ufw insert 1 allow from 10.0.0.2",
    "Anywhere ALLOW IN 10.0.0.20": "ufw allow from 10.0.0.2",
    "Anywhere ALLOW IN 110.0.0.2": "ufw allow from 10.0.0.2",
    "Anywhere ALLOW OUT 10.0.0.2": "ufw allow from 10.0.0.2",
    "10.0.0.2 ALLOW OUT Anywhere": "ufw allow from 10.0.0.2",
    "10.0.0.2 ALLOW IN Anywhere": "ufw allow from 10.0.0.2",
    "6443/tcp ALLOW IN 10.0.0.2": "ufw allow from 10.0.0.2",
    "Anywhere ALLOW IN 10.0.0.2 53/udp": "ufw allow from 10.0.0.2",
    "Anywhere ALLOW FWD 10.0.0.2": "ufw allow from 10.0.0.2",
    "Anywhere ALLOW IN 10.0.1.0/24": "ufw allow from 10.0.0.2",
    "Anywhere ALLOW IN 10.0.0.0/33": "ufw allow from 10.0.0.2",
    "Anywhere ALLOW IN 300.1.1.1": "ufw allow from 10.0.0.2",
    "Anywhere (v6) ALLOW IN Anywhere (v6)": "ufw allow from 10.0.0.2",
}


def told(name: str, text: str) -> list[PreflightProblem]:
    return problems(
        replace(
            SOUND,
            primary_address="10.0.0.1",
            primary_device="eth0",
            firewalls=(FirewallFact(name, tuple(text.split("\n"))),),
        )
    )


@pytest.mark.parametrize(("port", "missing"), [(8472, False), (8473, True)])
def test_a_port_of_the_profile_s_for_pods_packets_is_the_one_that_has_to_be_open(port: int, missing: bool) -> None:
    cluster = replace(CLUSTER, overrides={"flannel": Override(config={"Backend": {"Port": port}})})
    rules = PODS + "6443,10250/tcp ALLOW IN 10.0.0.2\n2379:2380/tcp ALLOW IN 10.0.0.2\n8472/udp ALLOW IN 10.0.0.2"
    facts = replace(SOUND, firewalls=(FirewallFact("ufw", tuple((HEAD + rules).split("\n"))),))
    assert ("firewall" in {one.id for one in problems(facts, cluster)}) is missing


def commands(name: str, text: str) -> list[str]:
    return [one for problem in told(name, text) for one in problem.fix.removeprefix("on the node: ").split(" && ")]


@pytest.mark.parametrize("rules", UFW)
def test_the_rules_of_ufw_are_read_as_ufw_reads_them(rules: str) -> None:
    expected = [UFW[rules]] if UFW[rules] else []
    pods = PODS
    if "10250/tcp DENY IN Anywhere" in rules or rules.startswith("Anywhere DENY IN Anywhere"):
        expected.append("ufw insert 1 allow from 172.16.0.0/16")
    assert commands("ufw", f"{HEAD}{rules}\n{pods}") == expected


def test_pods_need_to_be_passed_on_both_ways() -> None:
    nodes = HEAD + "Anywhere ALLOW IN 10.0.0.2\n"
    assert commands("ufw", nodes) == [
        "ufw allow from 172.16.0.0/16",
        "ufw route allow from 172.16.0.0/16",
        "ufw route allow to 172.16.0.0/16",
    ]
    assert commands("ufw", nodes + PODS) == []
    blocked = nodes + "Anywhere DENY FWD 172.16.3.0/24\n" + PODS
    assert commands("ufw", blocked) == ["ufw route insert 1 allow from 172.16.0.0/16"]
    elsewhere = nodes + "Anywhere DENY FWD 198.51.100.7\n" + PODS
    assert commands("ufw", elsewhere) == []
    open_ = nodes.replace("disabled (routed)", "allow (routed)").replace("deny (incoming)", "allow (incoming)")
    assert commands("ufw", open_) == []


ZONES = """block
  target: %%REJECT%%
  interfaces:
  sources: {block}
drop
  target: DROP
  interfaces:
  sources:
public (default, active)
  target: default
  interfaces: eth0
  sources: {public}
  services: dhcpv6-client ssh
trusted
  target: ACCEPT
  interfaces: {links}
  sources: {trusted}"""
TRUST = "firewall-cmd --permanent --zone=trusted --add-source="
FIREWALLD = {
    # sources of block and public, links and sources of trusted -> what to type
    ("", "", "", "10.0.0.2 172.16.0.0/16"): [],
    ("", "", "", "00:11:22:33:44:55 ipset:x fd00::/8 10.0.0.0/24 172.16.0.0/12"): [],
    ("", "", "eth0 cni0", ""): [],
    ("", "", "eth0", ""): [TRUST + "172.16.0.0/16"],
    ("", "", "", ""): [TRUST + "10.0.0.2", TRUST + "172.16.0.0/16"],
    ("", "10.0.0.2 172.16.0.0/16", "", ""): [TRUST + "10.0.0.2", TRUST + "172.16.0.0/16"],
    ("", "", "", "10.0.0.20 172.16.0.0/16"): [TRUST + "10.0.0.2"],
    ("10.0.0.0/24", "", "", "10.0.0.2 172.16.0.0/16"): [
        "firewall-cmd --permanent --zone=block --remove-source=10.0.0.0/24"
    ],
}


@pytest.mark.parametrize("sources", FIREWALLD)
def test_all_zones_of_firewalld_count(sources: tuple[str, str, str, str]) -> None:
    block, public, links, trusted = sources
    expected = FIREWALLD[sources]
    text = ZONES.format(block=block, public=public, links=links, trusted=trusted)
    assert commands("firewalld", text) == [*expected, *(["firewall-cmd --reload"] if expected else [])]


def test_what_was_typed_is_enough_for_firewalld() -> None:
    before = ZONES.format(block="", public="", links="", trusted="")
    added = [one.partition("--add-source=")[2] for one in commands("firewalld", before) if one.startswith(TRUST)]
    assert told("firewalld", ZONES.format(block="", public="", links="", trusted=" ".join(added))) == []


def test_only_the_zones_in_use_are_shown() -> None:
    (found,) = told("firewalld", ZONES.format(block="", public="", links="", trusted=""))
    assert found.evidence == ("public (default, active)", "  target: default", "  interfaces: eth0", "  sources: ")


CHAINS = {
    "inet filter input input": True,
    "ip mine in input": True,
    "inet filter forward forward": True,
    "ip filter INPUT input": True,
    "ip filter FORWARD forward": False,  # Docker's doing
    "ip6 filter INPUT input": False,
    "ip docker-bridges filter-FORWARD forward": False,
    "ip kube-proxy filter-input input": False,
    "inet cni_hostport hostports input": False,
}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_of_the_user_s_that_drops_is_a_warning(chain: str) -> None:
    found = problems(replace(SOUND, dropping_chains=(DroppingChain(*chain.split()),)))
    assert [(one.id, one.severity) for one in found] == ([("firewall-own", "warning")] if CHAINS[chain] else [])
    assert all(chain.rpartition(" ")[0] in one.message for one in found)


def test_how_a_chain_is_opened_is_told() -> None:
    (found,) = problems(replace(SOUND, dropping_chains=(DroppingChain("inet", "filter", "input", "input"),)))
    assert found.fix.endswith("nft insert rule inet filter input ip saddr '{ 10.0.0.2, 172.16.0.0/16 }' accept")


def test_the_chains_of_a_front_end_are_judged_by_its_own_rules() -> None:
    firewalls = (FirewallFact("ufw", ("Default: allow (incoming), allow (outgoing), allow (routed)",)),)
    chains = (DroppingChain("ip", "filter", "INPUT", "input"), DroppingChain("inet", "mine", "input", "input"))
    found = problems(replace(SOUND, firewalls=firewalls, dropping_chains=chains))
    assert [one.message.split(" drops")[0] for one in found] == ["its nftables chain inet mine input"]


OPERATOR = {
    "22/tcp ALLOW IN Anywhere": "ufw allow from 198.51.100.7 to any port 6443 proto tcp",
    "6443/tcp ALLOW IN 198.51.100.70": "ufw allow from 198.51.100.7 to any port 6443 proto tcp",
    "6443/tcp DENY IN 198.51.100.0/24": "ufw insert 1 allow from 198.51.100.7 to any port 6443 proto tcp",
    "6443/tcp ALLOW IN Anywhere": "",
    "6443 ALLOW IN 198.51.100.0/24": "",
}


@pytest.mark.parametrize("rule", OPERATOR)
def test_a_way_that_is_closed_to_the_operator_is_told(rule: str) -> None:
    rules = f"{HEAD}Anywhere ALLOW IN 10.0.0.2\n{PODS}{rule}"
    firewalls = (FirewallFact("ufw", tuple(rules.split("\n"))),)
    found = problems(replace(SOUND, firewalls=firewalls, operator="198.51.100.7"))
    assert [(one.id, one.severity) for one in found] == ([("firewall-operator", "warning")] if OPERATOR[rule] else [])
    assert [one.fix for one in found] == ([f"on the node: {OPERATOR[rule]}"] if OPERATOR[rule] else [])
    assert problems(replace(SOUND, firewalls=firewalls, operator="")) == []
