"""What an addon is: a value that says all that kubeup knows of it. Adding one: docs/contributing.md."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubeup.model.cluster import Cluster, Program, Value, Versions
from kubeup.model.resources import Directory
from kubeup.release import catalog
from kubeup.release.artifacts import ReleaseRow


class Serves(enum.Enum):
    """Objects of people's own that do nothing until some program of the cluster's takes them up."""

    LOAD_BALANCER = "Services of type LoadBalancer"
    NETWORK_POLICY = "NetworkPolicies"
    VOLUME_CLAIM = "PersistentVolumeClaims without a class"


@dataclass(frozen=True)
class AddonImage:
    """An image that an addon runs, by upstream's own name and tag, so that a manifest reads as upstream's does.

    name: what the addon's template calls it, unique among all addons' images. repository: with the registry's host.
    program: whose version it has. module: what builds it where no source has it (see sources/go_builds.py and
    sources/image_builds.py); empty for one that is only pulled, of which nothing else need be known. tag: with {v} for
    the version.
    """

    name: str
    repository: str
    program: Program
    module: str = ""
    tag: str = "v{v}"

    def reference(self, versions: Versions, repository: str = "") -> str:
        """REPOSITORY:TAG. repository: a profile's image_repository, in which all images have their last names."""
        place = f"{repository}/{self.repository.rpartition('/')[2]}" if repository else self.repository
        return f"{place}:{self.tag.format(v=versions.of(self.program))}"

    @property
    def row(self) -> ReleaseRow:
        """Where no source has it, nodes may yet be able to pull it: optional."""
        return catalog.image(f"image:{self.name}", self.program, self.repository, self.tag, self.module, optional=True)


@dataclass(frozen=True)
class Need:
    """A key of the profile without which an addon cannot work.

    what: it is, in words. form: how its value is written, for a fix. values: what the cluster has of it, none: nothing.
    """

    key: str
    what: str
    form: str
    example: str
    values: Callable[[Cluster], tuple[str, ...]]

    @property
    def line(self) -> str:
        """As a line of a profile, in form."""
        return f"{self.key}: {self.form}"


@dataclass(frozen=True)
class Condition:
    """What is to be so before an addon counts as running, beyond its pods: an object's condition is True.

    object: KIND/NAME, of one without a namespace. condition: its type, e.g. Available.
    """

    object: str
    condition: str


def no_values(_: Cluster) -> Mapping[str, Value]:
    return {}


@dataclass(frozen=True)
class Addon:
    """One addon.

    name: its template and its word in a profile. summary: what it gives, in one line. runs: the programs behind it, in
    words. images: what it runs; the first one's version is the addon's. values: for its template, out of
    the cluster alone, since every control-plane node has the same; their names are no other addon's. known_as: other
    names for it. remark: what they should know. hint: what to type once it runs. needs: keys of the profile.

    makes: what its programs make by themselves, so that it goes with the addon and keeps no kind and no namespace from
    going: ``KIND/NAME`` of an object in its namespaces, as ``kubectl get -o name`` prints it, or ``PLURAL.GROUP`` of a
    kind of which people make nothing.
    awaits: what else it waits for once its pods are ready.
    directories: on every worker, but where directories_wanted says no. Once there they stay as long as the cluster
    does, without the addon, too, for they hold what people wrote.
    serves: what of people's own it brings to life. daemonset: what its DaemonSet is called at least in part, so that
    one that came otherwise is known as well. supply: the kind out of which it serves, of which there must be one.
    """

    name: str
    summary: str
    runs: str
    images: tuple[AddonImage, ...]
    values: Callable[[Cluster], Mapping[str, Value]] = no_values
    known_as: tuple[str, ...] = ()
    remark: str = ""
    hint: Callable[[Cluster], str] = lambda _: ""
    needs: tuple[Need, ...] = ()
    makes: tuple[str, ...] = ()
    awaits: tuple[Condition, ...] = ()
    directories: tuple[Directory, ...] = ()
    directories_wanted: Callable[[Cluster], bool] = lambda _: True
    serves: tuple[Serves, ...] = ()
    daemonset: str = ""
    supply: str = ""

    @property
    def program(self) -> Program:
        """Whose version the addon's is."""
        return self.images[0].program


def replicas(cluster: Cluster) -> int:
    """Two, spread over nodes, where there are two."""
    return min(2, len(cluster.workers))
