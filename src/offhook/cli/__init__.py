"""The command line: arguments → one call → one rendering."""

from __future__ import annotations

import sys

from offhook.errors import OffhookError


def main() -> None:
    """The ``offhook`` program."""
    from offhook.cli.program import app  # noqa: PLC0415 - a broken installation still gets a sentence, not a traceback

    try:
        app()
    except OffhookError as error:
        print(f"offhook: {error}", file=sys.stderr)
        sys.exit(2)


__all__ = ["main"]
