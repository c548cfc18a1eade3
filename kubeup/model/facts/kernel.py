"""What the kernel lets kubeup's programs do."""

from __future__ import annotations

from dataclasses import dataclass

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class KernelFacts:
    """cgroup: its version, 1 or 2. capabilities: CapBnd of the first process.

    ipvs_services: lines of /proc/net/ip_vs. kmsg: whether there is a /dev/kmsg.
    """

    cgroup: int = 0
    cgroup_controllers: tuple[str, ...] = ()
    capabilities: int = 0
    missing_modules: tuple[str, ...] = ()
    ipvs_services: tuple[str, ...] = ()
    conntrack_max_writable: bool = True
    kmsg: bool = True

    @property
    def lacks_sys_resource(self) -> bool:
        """True where even root may not lower oom_score_adj (CAP_SYS_RESOURCE, bit 24 of CapBnd, missing)."""
        return not self.capabilities >> 24 & 1


def parse(answer: Answer) -> KernelFacts:
    # Name, hierarchy, number of groups, enabled.
    enabled = [fields[0] for fields in answer.all("cgroup_v1") if len(fields) == 4 and fields[3] == "1"]
    return KernelFacts(
        cgroup=answer.number("cgroup"),
        cgroup_controllers=tuple(answer.text("controllers").split() or enabled),
        capabilities=int(answer.match("capabilities", r"([0-9a-f]+)$") or "0", 16),
        missing_modules=answer.texts("missing_module"),
        ipvs_services=answer.texts("ipvs"),
        conntrack_max_writable=answer.text("conntrack_max") != "readonly",
        kmsg=not answer.text("no_kmsg"),
    )
