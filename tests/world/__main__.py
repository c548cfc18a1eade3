"""The world as one program: ``python -m tests.world FOLDER --cache CACHE --address ADDRESS``, until its input ends.

FOLDER/authority.pem: whom its certificates are checked by. FOLDER/log: its requests.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.support.authority import Authority
from tests.world import names, proxy, server
from tests.world.images import Images
from tests.world.server import Log
from tests.world.shelf import Shelf
from tests.world.sites import Sites

PROXY_PORT = 3128
MIRROR_PORT = 8080


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="a release cache of kubeup's")
    parser.add_argument("--address", required=True, help="where it is served, and where all its names lead")
    serve(parser.parse_args())


def serve(wanted: argparse.Namespace) -> None:
    folder: Path = wanted.folder
    shelf = Shelf(wanted.cache, folder / "shelf")
    sites = Sites(shelf, Images(shelf, folder / "blobs"))
    authority = Authority("The World's Own Root")
    certificates = folder / "certificates"
    certificates.mkdir(parents=True, exist_ok=True)
    contexts, log = server.by_name(authority, certificates, sites.hosts), Log(folder / "log")
    (folder / "authority.pem").write_text(authority.pem)
    leads = proxy.to_one_place(sites.hosts, (wanted.address, 443))
    with ExitStack() as stack:
        stack.enter_context(server.serving((wanted.address, 443), sites.answer, log, contexts))
        stack.enter_context(server.serving((wanted.address, MIRROR_PORT), sites.mirrored, log, None))
        stack.enter_context(proxy.serving((wanted.address, PROXY_PORT), leads))
        stack.enter_context(names.serving((wanted.address, 53), sites.hosts, wanted.address))
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
