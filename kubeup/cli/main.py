"""``kubeup``: words in, exit code out. Imports next to nothing, so that ``kubeup --version`` is there at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from kubeup import __version__
from kubeup.cli.table import LazyGroup
from kubeup.model.errors import KubeupError

INTERRUPTED = 130
STOPPED = "\nstopped. What is done is done, nothing is half-written; the same command goes on from here."


class Group(LazyGroup):
    """The one place where a failure becomes words and an exit code."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        options["standalone_mode"] = False
        try:
            # Outside of its standalone mode, click hands back the code of an Exit instead of ending with it.
            code = super().main(args, *rest, **options)
        except KubeupError as error:
            self._tell(error)
            sys.exit(error.exit_code)
        except click.exceptions.Abort:
            click.echo(STOPPED, err=True)
            # Threads may still wait for a node; the node's half ends by itself.
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        except click.ClickException as error:
            error.show()
            sys.exit(2)
        except Exception as error:
            # What happens while nodes are asked is told by session.job; this is all else.
            self._tell(self._unexpected(error))
            sys.exit(1)
        if code:
            sys.exit(code)

    @staticmethod
    def _unexpected(error: Exception) -> KubeupError:
        from kubeup.cli.state import State
        from kubeup.report.run_log import RunLog, stamp, unexpected

        log = RunLog(State.of(os.environ).logs, sys.argv, __version__, stamp())
        log.unexpected(error)
        log.close("unexpected")
        return unexpected(error, log.path)

    @staticmethod
    def _tell(error: KubeupError) -> None:
        # Only here, and only now: who asks for the version need not wait for rich.
        from kubeup.cli import console
        from kubeup.report import errors

        errors.show(console.stderr(), error)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kubeup")
def main() -> None:
    """Turn Ubuntu or Debian machines that you can SSH to into a Kubernetes cluster, and back.

    \b
    kubeup up profile.yaml        bring the cluster up, or make it what the profile says
    kubeup plan profile.yaml      what `up` would do; touches nothing
    kubeup validate               the truth about the cluster
    kubeup down                   leave the machines as they were found
    """
