"""Profiles with mistakes of every kind: a tree with all keys, changed at random places, written as YAML."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PASSWORD = "geheim"
WHOLE = f"""
name: demo
nodes:
  - root@192.168.200.13
  - {{host: two, address: 192.168.200.14, name: two, user: me, port: 22, bastion: gate, key: k,
     host_key: SHA256:{"A" * 43}, labels: {{disk: ssd}}, taints: [dedicated=db:NoSchedule]}}
roles: ai i
service_cluster_ip_range: 10.96.0.0/16
flannel_net: 10.244.0.0/16
dns_server_ip: 10.96.0.10
dns_domain: cluster.local
node_mask: 24
node_port_range: 30000-32767
flannel_backend: vxlan
runtime: docker
proxy_mode: nftables
kubernetes: 1.37.2
versions: {{etcd: 3.6.16, flannel: 0.28.10, runc: 1.5.2}}
ssh: {{user: me, port: 22, key: k, bastion: gate, config: c, host_keys: strict}}
sources: [cache, official, "https://me:{PASSWORD}@mirror"]
pins: {{flanneld-0.28.10-amd64: {"0" * 64}}}
proxy: {{http: "http://me:{PASSWORD}@10.0.0.1:3128", https: http://10.0.0.1:3128, no_proxy: [a, b]}}
registry_mirrors: {{docker.io: [http://mirror]}}
insecure_registries: [appstore:5000]
image_repository: appstore:5000/kubeup
addons: [dns, metrics-server]
waive: [swap]
lab: lab
kubelet: {{config: {{maxPods: 200, a: {{b: [1, 0.5, true, null]}}}}, flags: {{v: 2}}}}
kube_apiserver: {{flags: {{v: 4}}}}
"""
NUMBERS = "² ٣ ٣-٤ ٣.٤ ٣.٤.٥ 1.37.٢ -1 -0 0 00 1e999 1.0e999 .inf .nan 0x1f 0o7 1_000 8 30 32 -24 1.37 v1.37.2 3.6.1"
WORDS = "true no ~ null Null '' \"\" 2001-01-01 = << - ? : | > @x %x `x` [] {} [[]] [{}] [~,''] [,] {,} {[]:x}"
ADDRESSES = (
    "0.0.0.0/0 255.255.255.255/32 255.255.255.254/31 255.255.255.248/29 10.0.0.0/33 1.2.3.4/255.255.0.0 1.2.3.4/² "
    "10.0.0.1/0.0.0.255 224.0.0.0/4 0.0.0.0 255.255.255.255 127.0.0.1 ::1 ::/0 ٣.٣.٣.٣ root@10.0.0.1:99999 "
    "root@10.0.0.1:٣ @ a@ @b a@b@c root@[::1] root@10.0.0.1: AI"
)
PATHS = "~nobody-at-all/x ~/x /dev/null .. ../../x file:// https:// file:///x ./folder"
CHOICES = (
    "a=b:NoSchedule :NoSchedule a:b k=v SHA256:x sha256 metrics_server go docker iptables ipvs accept-new host-gw swap"
)
SCALARS = [
    *" ".join((NUMBERS, WORDS, ADDRESSES, PATHS, CHOICES)).split(),
    *("9" * 19, "9" * 5000, f"{'9' * 5000}.1", f"3.{'9' * 5000}", f"1.{'9' * 5000}.1", f"{'9' * 400}.0", "x" * 5000),
    *("", "' '", "a b", "ai  i", "{a: b}", "{[]: x}", "{? a}", "[a, [b]]", "{null: null}", "ssh-ed25519 AAAA"),
    *('"\\ud800"', '"\\U0001f600"', '"a\\0b"', '"\\x85"', '"\\r\\n"', "😀", "e\u0301"),
    *("\u202ea", "\u2028", "\u0085", "\ufeff", "\x7f", "\x01"),
]
TAGS = [
    "!!int",
    "!!str",
    "!!float",
    "!!null",
    "!!bool",
    "!!binary",
    "!!set",
    "!!omap",
    "!!python/object:os.x",
    "!x",
    "!",
]
OTHER_KEYS = ["<<", "'nodes'", "role", "Nodes", "node", "²", "''", "null", "*a", "1", "kube-apiserver"]
KEYS = ["? a", "[a]", "{a: b}", "&a k", *OTHER_KEYS]


@dataclass
class Branch:
    """A mapping (entries) or a list (entries with empty keys). prefix: an anchor or a tag."""

    mapping: bool
    entries: list[tuple[str, Branch | str]] = field(default_factory=list)
    prefix: str = ""


def parse(text: str) -> Branch:
    """The tree of a sound profile."""
    from kubeup.profile import tree

    root, _ = tree.read(text)
    assert root is not None
    found = _branch(root)
    assert isinstance(found, Branch)
    return found


def _branch(value: object) -> Branch | str:
    from kubeup.profile.tree import YamlValue

    assert isinstance(value, YamlValue)
    if value.kind == "mapping":
        return Branch(True, [(key.text, _branch(item)) for key, item in value.entries])
    if value.kind == "list":
        return Branch(False, [("", _branch(item)) for item in value.items])
    return f'"{value.text}"' if value.quoted else value.text


def branches(root: Branch) -> Iterator[Branch]:
    yield root
    for _, value in root.entries:
        if isinstance(value, Branch):
            yield from branches(value)


def write(root: Branch, block: int, depth: int = 0) -> str:
    """YAML: the first ``block`` levels in lines, what is below them in brackets."""
    if depth >= block or not root.entries:
        parts = [f"{key}: {_flow(value)}" if root.mapping else _flow(value) for key, value in root.entries]
        return f"{root.prefix}{'{' if root.mapping else '['}{', '.join(parts)}{'}' if root.mapping else ']'}"
    margin = "  " * depth
    lines = []
    for key, value in root.entries:
        head = f"{margin}{key}:" if root.mapping else f"{margin}-"
        if isinstance(value, Branch) and depth + 1 < block and value.entries:
            lines.append(f"{head} {value.prefix}\n{write(value, block, depth + 1)}")
        else:
            lines.append(f"{head} {_flow(value)}")
    return "\n".join(lines)


def _flow(value: Branch | str) -> str:
    return value if isinstance(value, str) else write(value, 0)


def profile(seed: random.Random, sound: Branch) -> str:
    """The text of the sound profile after one to five changes, and at times one in its letters."""
    root = copy.deepcopy(sound)
    if seed.random() < 0.8:
        # Nodes and roles stay, so that the other values are looked at, too.
        rest = [entry for entry in root.entries if entry[0] not in ("nodes", "roles")]
        root.entries = [*root.entries[1:3], *seed.sample(rest, seed.randint(0, 8))]
    for _ in range(seed.randint(1, 5)):
        seed.choice(CHANGES)(seed, root)
    text = write(root, seed.randint(1, 4)) + "\n"
    if seed.random() < 0.1:
        at = seed.randrange(len(text))
        text = text[:at] + seed.choice(SCALARS)[:50] + text[at + seed.randrange(5) :]
    return text


def _spot(seed: random.Random, root: Branch) -> tuple[Branch, int] | None:
    full = [branch for branch in branches(root) if branch.entries]
    if not full:
        return None
    branch = seed.choice(full)
    return branch, seed.randrange(len(branch.entries))


def _at_spot(change: Callable[[random.Random, Branch, int, Branch], None]) -> Callable[[random.Random, Branch], None]:
    def changed(seed: random.Random, root: Branch) -> None:
        spot = _spot(seed, root)
        if spot is not None:
            change(seed, spot[0], spot[1], root)

    return changed


def remove(_: random.Random, branch: Branch, at: int, __: Branch) -> None:
    del branch.entries[at]


def double(seed: random.Random, branch: Branch, at: int, _: Branch) -> None:
    times = seed.choice([1, 1, 2, 30])
    branch.entries[at:at] = [
        copy.deepcopy(branch.entries[at]) for _ in range(min(times, 3 if branch.mapping else times))
    ]


def odd(seed: random.Random, branch: Branch, at: int, _: Branch) -> None:
    branch.entries[at] = (branch.entries[at][0], seed.choice(SCALARS))


def other_key(seed: random.Random, branch: Branch, at: int, root: Branch) -> None:
    names = [key for one in branches(root) if one.mapping for key, _ in one.entries]
    branch.entries[at] = (seed.choice([*KEYS, *SCALARS, *names]), branch.entries[at][1])


def swap(seed: random.Random, branch: Branch, at: int, root: Branch) -> None:
    spot = _spot(seed, root)
    assert spot is not None
    other, there = spot
    value = copy.deepcopy(other.entries[there][1])
    other.entries[there] = (other.entries[there][0], copy.deepcopy(branch.entries[at][1]))
    branch.entries[at] = (branch.entries[at][0], value)


def nest(seed: random.Random, branch: Branch, at: int, _: Branch) -> None:
    """Into so many lists or mappings."""
    key, value = branch.entries[at]
    depth = seed.choice([1, 1, 2, 20, 60, 150, 3000])
    opened, closed = seed.choice([("[", "]"), ("{a: ", "}"), ("[{a: ", "}]")])
    branch.entries[at] = (key, opened * depth + _flow(value) + closed * depth)


def tag(seed: random.Random, branch: Branch, at: int, _: Branch) -> None:
    key, value = branch.entries[at]
    prefix = seed.choice(TAGS) + " "
    if isinstance(value, Branch):
        value.prefix += prefix
    else:
        branch.entries[at] = (key, prefix + value)


def alias(seed: random.Random, branch: Branch, at: int, root: Branch) -> None:
    """An anchor here, and the alias anywhere: behind it, before it, or inside of it."""
    key, value = branch.entries[at]
    name = seed.choice("abc")
    if isinstance(value, Branch):
        value.prefix += f"&{name} "
    else:
        branch.entries[at] = (key, f"&{name} {value}")
    inner = value if isinstance(value, Branch) and seed.random() < 0.5 else root
    spot = _spot(seed, inner)
    if spot is not None:
        spot[0].entries.insert(spot[1], (seed.choice(["<<", "x", spot[0].entries[spot[1]][0]]), f"*{name}"))


def laughs(seed: random.Random, branch: Branch, at: int, _: Branch) -> None:
    """Each level twice (or ten times) the one before, by aliases."""
    width, levels = seed.choice([(2, 60), (10, 12), (50, 4)])
    value = "&l0 [x]"
    for level in range(1, levels):
        value = f"&l{level} [{value}{f', *l{level - 1}' * (width - 1)}]"
    branch.entries[at] = (branch.entries[at][0], value)


def recursion(seed: random.Random, branch: Branch, at: int, _: Branch) -> None:
    forms = [
        "&r [*r]",
        "&r [*r, *r]",
        "&r {a: *r, b: *r}",
        "&r {<<: *r}",
        "&r [&s [*r, *s], *r, *r]",
        "&r {config: *r, flags: *r}",
    ]
    branch.entries[at] = (branch.entries[at][0], seed.choice(forms))


CHANGES: list[Callable[[random.Random, Branch], None]] = [
    *map(_at_spot, (remove, double, odd, odd, odd, other_key, swap, swap, nest, tag, alias, laughs, recursion))
]
