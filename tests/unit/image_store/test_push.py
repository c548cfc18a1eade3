"""Which images and layers of an archive are sent to a node."""

from __future__ import annotations

import pytest

from kubeup.image_store.push import lacks, trip_of
from kubeup.image_store.survey import NodeImages, chain_ids
from kubeup.images.archive_reader import read
from kubeup.model.cluster import Runtime
from kubeup.model.facts import Facts
from tests.support import archives
from tests.support.archives import IMAGE, OTHER, Write, sha256


@pytest.mark.parametrize("runtime", [Runtime.DOCKER, Runtime.CONTAINERD])
def test_only_what_a_node_lacks_is_sent(write: Write, runtime: Runtime) -> None:
    images = read(write(archives.docker(IMAGE, OTHER)))
    low, high, another = (sha256(one) for one in (*IMAGE.layers, OTHER.layers[1]))
    chains = frozenset(chain_ids((f"sha256:{low}", f"sha256:{high}")))
    had = NodeImages({IMAGE.name: IMAGE.id}, blobs=frozenset((low, high)), chains=chains)

    def sent(had: NodeImages, facts: Facts = Facts()) -> list[str]:  # noqa: B008
        lacking = lacks(images, "amd64", had)
        return [piece.binary.sha256 for piece in trip_of(lacking, runtime, had, facts).pieces]

    assert sorted(sent(NodeImages())) == sorted([low, high, another]), "the shared layer once"
    assert sent(had) == [another]
    assert lacks(images, "arm64", NodeImages()) == ()
    # The name means another image, whose layers it has.
    assert lacks(images, "amd64", NodeImages({IMAGE.name: OTHER.id, OTHER.name: OTHER.id})) == images[:1]


def test_a_layer_goes_on_where_it_broke_off(write: Write) -> None:
    images = read(write(archives.docker(IMAGE)))
    low = sha256(IMAGE.layers[0])
    trip = trip_of(images, Runtime.CONTAINERD, NodeImages(), Facts(pieces={low: 3000}))
    assert next(piece for piece in trip.pieces if piece.binary.sha256 == low).offset == 3000
