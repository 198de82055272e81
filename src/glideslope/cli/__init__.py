"""The command `glideslope`: parse, call, show."""

import sys
import traceback

from glideslope.cli import laws, options, schedules, search  # noqa: F401  (each registers its commands)
from glideslope.cli.options import app
from glideslope.errors import GlideslopeError


def main() -> None:
    """Runs the command; bad input, or a job that fails, is one line on standard error and exit status 2."""
    try:
        app(standalone_mode=True)
    except GlideslopeError as error:
        if options.show_traceback:
            traceback.print_exc()
        print(f"glideslope: {error}", file=sys.stderr)
        sys.exit(2)
