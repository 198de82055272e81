"""The command `glideslope`: parse, call, show."""

import sys
import traceback
from collections.abc import Sequence

import typer

from glideslope.cli import (  # noqa: F401  (each registers its commands)
    c_exit,
    ending,
    fit,
    forecast,
    laws,
    options,
    output,
    rank,
    schedules,
    search,
    status,
    studio,
    suggest,
    tune,
)
from glideslope.cli.options import app
from glideslope.errors import GlideslopeError


def main() -> None:
    """Runs the command; bad input, or a job that fails, is one line on standard error and exit status 2."""
    output.prepare()
    try:
        status = _status(sys.argv[1:])
    finally:
        c_exit.ignore()
    output.finish()
    sys.exit(status)


def run(args: Sequence[str]) -> int:
    """Runs a command of these arguments within a process that goes on; returns its exit status.

    >>> run(["convert", "linear", "--steps", "2", "--to", "csv"])
    step,lr
    0,1.0
    1,0.5
    0
    """
    try:
        return _status(args)
    finally:
        output.take_back()
        ending.ignore()


def _status(args: Sequence[str]) -> int:
    """The status of a command: 0 for a result, 1 where a search found nothing or nobody reads it, 2 for an error."""
    try:
        status = app(args=list(args), prog_name="glideslope", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except output.Unread:
        return 1
    except typer.Abort:
        output.say("glideslope: interrupted")
        return 130
    except SystemExit as error:
        if not output.is_lent():  # Typer's, of a help that nobody reads
            return 1
        return _failed(f"the job ended the process with status {error.code!r}, so there is no result")
    except GlideslopeError as error:
        return _failed(str(error))
    except OSError as error:
        if isinstance(error.__context__, BrokenPipeError):  # of a stream without a descriptor
            return 1
        return _failed(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return _refused(error)
    except BaseException as error:  # what is neither an error nor an interrupt, and so of the job
        where = " ".join(getattr(error, "__notes__", ()))
        return _failed(f"stopped {where}: {type(error).__name__}: {error}")


def _failed(message: str) -> int:
    if options.show_traceback:
        output.say(traceback.format_exc().rstrip("\n"))
    output.say_line(f"glideslope: {message}")
    return 2


def _refused(error: Exception) -> int:
    """Prints an error of the parser of arguments: one line, or the help where there were none."""
    context, message = getattr(error, "ctx", None), str(error.format_message())  # type: ignore[attr-defined]
    if type(error).__name__ == "NoArgsIsHelpError":
        output.say(message)
    else:
        message = message if message.endswith((".", "?")) else f"{message}."
        output.say_line(f"glideslope: {message} See {context.command_path if context else 'glideslope'} --help")
    return int(getattr(error, "exit_code", 2))
