"""What keys and certificates are called between the plan, which wishes for them, and execution, which has them.

A File without content has such a name as its ``source``; what is issued is kept by it until it is on the node.
"""

from __future__ import annotations

from typing import Literal

Part = Literal["crt", "key"]
SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUB = "service-account:key", "service-account:pub"
SHARED = ("authority:", "service-account:")
"""How the names of those begin that all control-plane nodes have alike."""


def of_authority(name: str, part: Part) -> str:
    """name: of a certificate authority, such as ``etcd``."""
    return f"authority:{name}:{part}"


def of_leaf(path: str, part: Part) -> str:
    """path: of the certificate on the node, for its key as well."""
    return f"leaf:{path}:{part}"
