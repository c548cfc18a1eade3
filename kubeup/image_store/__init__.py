"""Images on nodes without a registry: what is needed, what is there, and bringing the rest over SSH.

archive.py: files that hold images. needs.py: what a cluster needs. survey.py: what nodes have.
push.py: from here to nodes. fetch.py: to here. provision.py: all of it, for images that are about to run.
"""

from __future__ import annotations

from kubeup.image_store.archive import Image, read
from kubeup.image_store.needs import Need, needs
from kubeup.image_store.provision import Provided, provide
from kubeup.image_store.push import Pushed, push
from kubeup.image_store.survey import NodeImages, survey
from kubeup.image_store.through import pull as pull_through

__all__ = [
    "Image",
    "Need",
    "NodeImages",
    "Provided",
    "Pushed",
    "needs",
    "provide",
    "pull_through",
    "push",
    "read",
    "survey",
]
