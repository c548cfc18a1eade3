"""Makes docs/up.svg: a real `kubeup up` and `kubeup validate` on bare nodes, as rich draws them.

No path of the machine that it is made on gets into it: a kubeconfig of its own passes for the one at home, the home
and the working folder are ~ and ., and a picture with a path of anything else of people's is refused.

python docs/picture.py profiles/lab.yaml        # after: kubeup lab up
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import MONOKAI

from kubeup.cli import console as consoles
from kubeup.cli import main as cli

PRIVATE = re.compile(r"/(?:home|root|tmp|var/tmp|work|Users)/[^\s<&]*")


class Anonymous(Console):
    """Says ``name`` where a text has the path. paths: the first that fits is taken."""

    paths: tuple[tuple[Path, str], ...] = ()

    def print(self, *objects: Any, **how: Any) -> None:
        super().print(*(self._shown(one) if isinstance(one, str) else one for one in objects), **how)

    def _shown(self, text: str) -> str:
        for path, name in self.paths:
            text = re.sub(rf"{re.escape(str(path))}(?![\w.-])", name, text)
        return text


def main(profile: str) -> None:
    console = Anonymous(record=True, width=108, file=io.StringIO(), force_terminal=False, color_system="truecolor")
    for name in ("stderr", "stdout"):
        setattr(consoles, name, lambda: console)
    with tempfile.TemporaryDirectory() as kept:
        os.environ["KUBECONFIG"] = f"{kept}/.kube/config"
        console.paths = ((Path(kept), "~"), (Path.cwd(), "."), (Path.home(), "~"))
        for arguments in (["up", profile], ["validate", profile]):
            console.print(f"[bold]$ kubeup {' '.join(arguments)}[/]", highlight=False)
            try:
                cli.main.main(arguments)
            except SystemExit as end:
                if end.code:
                    raise
            console.print()
    picture = console.export_svg(title="kubeup", theme=MONOKAI)
    left = PRIVATE.findall(picture)
    if left:
        raise SystemExit(f"these paths would be in the picture: {', '.join(left)}")
    Path(__file__).with_name("up.svg").write_text(picture)


if __name__ == "__main__":
    main(sys.argv[1])
