"""What a node says of its images, by each way in which runtimes keep them."""

from __future__ import annotations

import base64
import json

import pytest

from kubeup.image_store.survey import parse
from kubeup.model.errors import NodeError

MANIFEST, INDEX, CONFIG, LAYER = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def told(digest: str, value: object) -> str:
    return f"manifest\tsha256:{digest}\t{base64.b64encode(json.dumps(value).encode()).decode()}\n"


IMAGE = told(MANIFEST, {"config": {"digest": f"sha256:{CONFIG}"}, "layers": [{"digest": f"sha256:{LAYER}"}]})
NOT_HERE = f"manifest\tsha256:{'e' * 64}\t\n"


def test_a_docker_that_keeps_images_in_containerds_way_is_asked_what_its_manifests_say() -> None:
    """There an id is that of the manifest, which is another one by each way in which an image is brought."""
    text = f"store\tcontainerd\nblob\t{LAYER}\n{IMAGE}image\tapp:1\tsha256:{MANIFEST}\nlayers\tsha256:{LAYER}\ndone\n"
    found = parse(text, "node3")
    assert found.images == {"docker.io/library/app:1": CONFIG}
    assert found.blobs == {LAYER}
    assert not found.chains


def test_of_an_index_the_image_that_is_here_counts_and_what_is_attested_of_it_does_not() -> None:
    attested = "f" * 64
    index = told(
        INDEX,
        {
            "manifests": [
                {"digest": f"sha256:{attested}", "platform": {"architecture": "unknown", "os": "unknown"}},
                {"digest": f"sha256:{'e' * 64}", "platform": {"architecture": "arm64", "os": "linux"}},
                {"digest": f"sha256:{MANIFEST}", "platform": {"architecture": "amd64", "os": "linux"}},
            ]
        },
    )
    about = told(attested, {"config": {"digest": f"sha256:{'9' * 64}"}})
    text = f"store\tcontainerd\n{index}{about}{NOT_HERE}{IMAGE}image\tapp:1\tsha256:{INDEX}\ndone\n"
    assert parse(text, "node3").images == {"docker.io/library/app:1": CONFIG}


@pytest.mark.parametrize(
    "said", ["", f"manifest\tsha256:{MANIFEST}\t\n", f"manifest\tsha256:{MANIFEST}\tbm8gSlNPTg==\n"]
)
def test_where_a_manifest_cannot_be_read_its_own_sum_is_the_id(said: str) -> None:
    text = f"store\tcontainerd\n{said}image\tapp:1\tsha256:{MANIFEST}\ndone\n"
    assert parse(text, "node3").images == {"docker.io/library/app:1": MANIFEST}


def test_an_answer_that_broke_off_is_none() -> None:
    with pytest.raises(NodeError, match="broke off"):
        parse(f"image\tapp:1\tsha256:{CONFIG}\n", "node3")
