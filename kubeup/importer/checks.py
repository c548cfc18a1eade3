"""The classic mistakes of a kube-up configuration that need two of its settings to be seen, or the old names."""

from __future__ import annotations

from kubeup.importer.conversion import Conversion
from kubeup.importer.settings import KNOWN, OTHER_PROVIDERS, ROLES
from kubeup.importer.values import Setting
from kubeup.profile.problem import Position, ProfileProblem

ROLES_FIX = 'write roles="ai i": one a node, a (master), i (node) or ai (both)'


def nodes_are_there(conversion: Conversion) -> None:
    """Without nodes there is nothing to import."""
    if "nodes" in conversion.settings:
        return
    conversion.faulty.update(("nodes", "roles"))
    strangers = [setting for name, setting in conversion.settings.items() if name in OTHER_PROVIDERS]
    if strangers:
        message = f"`{strangers[0].name}` is of kube-up for another provider than Ubuntu"
        fix = "kubeup takes machines: nodes and roles; see kubeup profile keys nodes"
        conversion.error(strangers[0], strangers[0].name, message, fix)
    else:
        fix = 'write nodes="USER@ADDRESS USER@ADDRESS", or name the file that has them'
        _lacking(conversion, "nodes", "`nodes` is not set in this file", fix)


def _lacking(conversion: Conversion, name: str, message: str, fix: str) -> None:
    """A setting that must be there; where only a branch or a function sets it, that is said."""
    if not conversion.readable:
        return
    setter = next((note for note in conversion.notes if name in note.names), None)
    if setter is not None:
        message, fix = f"`{name}` is set only here: {setter.text}", f"set {name} in a line of its own"
    place = Position(setter.line if setter is not None else 1, 1)
    conversion.problems.append(ProfileProblem(place, "", message, fix))


def roles(conversion: Conversion) -> None:
    """``roles`` since Kubernetes 1.4; before, ``role`` and the array roles=($role) made of it."""
    found = [conversion.settings[name] for name in ROLES if name in conversion.settings]
    if not found:
        if "nodes" in conversion.settings:
            _lacking(conversion, "roles", "the nodes have no roles: `roles` is not set in this file", ROLES_FIX)
            conversion.faulty.add("roles")
        return
    chosen = next((one for one in found if one.words or one.unknown), found[0])
    for setting in found:
        if setting is chosen:
            _take(conversion, setting)
        elif setting.name in chosen.made_of or chosen.name in setting.made_of:
            conversion.gone(setting, f"the same as {chosen.name}")
        else:
            message = f"`{setting.name}` stands beside `{chosen.name}`, and only that one counts"
            conversion.warning(setting, setting.name, message, "take one of them out")
            conversion.gone(setting, f"{chosen.name} on line {chosen.line} counts")


def _take(conversion: Conversion, setting: Setting) -> None:
    if setting.unknown or not setting.words:
        why = f"it needs {', '.join(setting.unknown)}, and nothing is carried out" if setting.unknown else "it is empty"
        conversion.error(setting, setting.name, f"`{setting.name}` cannot be worked out: {why}", ROLES_FIX)
        conversion.faulty.add("roles")
        conversion.left(setting, "not worked out")
        return
    if setting.name == "role":
        message = "`role` alone: kube-up reads `roles`, and `role` only where roles=($role) follows"
        conversion.warning(setting, "role", message, "kubeup takes it for `roles`; look whether that is meant")
    words = " ".join(word.replace(",", " ") for word in setting.words)
    conversion.put(setting, "roles", words)


def numbers(conversion: Conversion) -> None:
    """NUM_NODES was the number of machines with i in their role; kube-up waited for so many."""
    words = str(conversion.draft.values.get("roles", "")).split()
    running = sum("i" in word for word in words)
    for name in ("NUM_NODES", "NUM_MINIONS"):
        setting = conversion.settings.get(name)
        value = setting.value.strip() if setting is not None else ""
        if setting is None or not words or setting.unknown or value == str(running):
            continue
        message = f"{name} is {value or 'empty'}, and {running} of the {len(words)} roles run pods (i or ai)"
        conversion.warning(
            setting, value, message, "kubeup counts; look whether a machine is missing in `nodes` and `roles`"
        )


def dns(conversion: Conversion) -> None:
    """The cluster's DNS on a machine's own address."""
    setting = conversion.settings.get("DNS_SERVER_IP")
    machines = conversion.draft.values.get("nodes", ())
    if setting is None or setting.unknown or not isinstance(machines, list):
        return
    address = setting.value.strip()
    for machine in machines:
        if address and str(machine).rpartition("@")[2] == address:
            message = f"DNS_SERVER_IP is the address of the node {machine}: the cluster's DNS has one of its own"
            conversion.error(
                setting, address, message, "take one inside of SERVICE_CLUSTER_IP_RANGE, such as its tenth"
            )
            conversion.faulty.add("dns_server_ip")
            return


def said_twice(conversion: Conversion) -> None:
    """Of two assignments the later counts, which is easily overlooked."""
    for setting in conversion.settings.values():
        if setting.replaces and setting.name in KNOWN:
            message = f"`{setting.name}` is set on line {setting.replaces} already; this one counts"
            conversion.warning(setting, setting.name, message, "take the other one out")


CHECKS = (nodes_are_there, roles, numbers, dns, said_twice)
