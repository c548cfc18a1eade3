"""Makes docs/up.svg: a real `kubeup up` and `kubeup validate` on bare nodes, as rich draws them.

python docs/picture.py profiles/lab.yaml        # after: kubeup lab up
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from kubeup.cli import console as consoles
from kubeup.cli import main as cli


def main(profile: str) -> None:
    console = Console(record=True, width=108, file=io.StringIO(), force_terminal=False, color_system="truecolor")
    for name in ("stderr", "stdout"):
        setattr(consoles, name, lambda: console)
    for arguments in (["up", profile], ["validate", profile]):
        console.print(f"[bold]$ kubeup {' '.join(arguments)}[/]", highlight=False)
        try:
            cli.main.main(arguments)
        except SystemExit as end:
            if end.code:
                raise
        console.print()
    Path(__file__).with_name("up.svg").write_text(console.export_svg(title="kubeup", theme=MONOKAI))


if __name__ == "__main__":
    main(sys.argv[1])
