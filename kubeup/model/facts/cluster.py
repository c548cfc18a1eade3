"""What the probes of all control-plane nodes say together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AuthorityFact:
    """A certificate authority as the control plane has it. holders: titles of the nodes that have its key."""

    name: str
    certificate: bytes
    key_sha256: str
    holders: tuple[str, ...]


@dataclass(frozen=True)
class ClusterFacts:
    """What the control-plane nodes know together.

    authorities: by name; empty before the first ``up``. pod_cidrs: node name -> subnet already given away.
    shared: path -> sha256, for keys the control plane shares.
    """

    authorities: Mapping[str, AuthorityFact] = field(default_factory=dict)
    pod_cidrs: Mapping[str, str] = field(default_factory=dict)
    shared_key_digests: Mapping[str, str] = field(default_factory=dict)
