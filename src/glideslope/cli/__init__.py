"""The command `glideslope`: parse, call, show."""

import sys

from glideslope.cli import laws, schedules, search  # noqa: F401  (each registers its commands)
from glideslope.cli.options import app
from glideslope.errors import GlideslopeError


def main() -> None:
    """Runs the command; bad input is one line on standard error and exit status 2."""
    try:
        app(standalone_mode=True)
    except GlideslopeError as error:
        print(f"glideslope: {error}", file=sys.stderr)
        sys.exit(2)
