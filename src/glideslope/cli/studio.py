"""The command that opens the studio."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from glideslope.cli import output
from glideslope.cli.options import command
from glideslope.errors import FrameworkError, GlideslopeError


@command("glideslope studio --export play.html --state play")
def studio(
    folder: Annotated[
        Path, typer.Argument(help="Laws, logs and run directories; nothing outside it is read.")
    ] = Path(),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")] = 0,
    host: Annotated[str, typer.Option(help="The address to listen on; any but loopback is open to the network.")] = (
        "127.0.0.1"
    ),
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    checkpoints: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Where searches keep checkpoints, if not in the folder, such as s3://bucket/x."
        ),
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Write a room as one offline HTML file instead.")] = None,
    state: Annotated[
        str, typer.Option(help="The room to open or export: its name, or a link of an earlier start.")
    ] = "draw",
) -> None:
    """Open a page that draws schedules, plays gradient descent, predicts a loss and watches searches."""
    try:
        from glideslope.files import write_atomically
        from glideslope.studio.access import LOOPBACK, names_of, new_token
        from glideslope.studio.export import exported, fragment, read_address
        from glideslope.studio.library import Library
        from glideslope.studio.server import application, bound, server
    except ModuleNotFoundError as error:
        raise FrameworkError(
            f'the studio needs {error.name}, which is not installed: pip install "glideslope[studio]"'
        ) from error
    if not folder.is_dir():
        raise GlideslopeError(f"{folder} isn't a folder: name the one whose laws, logs and runs the page may read")
    room = read_address(state)
    library = Library(folder, checkpoints=checkpoints)
    if export is not None:
        write_atomically(export, exported(library, room))
        return
    token = new_token()
    listening = bound(host, port)
    page = server(application(library, token, {*LOOPBACK, *names_of(host)}))
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}/{token}/{fragment(room)}"
    output.line(address)
    if host not in LOOPBACK:
        output.say_line(f"note: whoever reaches {host} and knows this address can read {folder.absolute()}")
    if browser:
        webbrowser.open(address)
    page.run(sockets=[listening])
