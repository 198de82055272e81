"""The studio in a cell of a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from glideslope.errors import FrameworkError, LawError
from glideslope.escape import html

if TYPE_CHECKING:
    from glideslope.laws import Law
    from glideslope.studio.background import Background

_HEIGHT = 820
_ANY_PAGE = "* vscode-webview:"  # a notebook may be any page; the address of this one is known to it alone


class Cell:
    """The page of a studio, which a notebook shows in a frame; `url` is its address, with its token."""

    def __init__(self, server: Background, room: str) -> None:
        self._server = server
        self.url = f"{server.url}#{room}"

    def __repr__(self) -> str:
        return f"<studio at {self.url}>"

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{html(self.url)}" title="Glideslope studio" width="100%" height="{_HEIGHT}" '
            'style="border:1px solid #8886;border-radius:8px" allow="clipboard-write"></iframe>'
        )

    def close(self) -> None:
        """Ends the server."""
        self._server.close()


def studio(law: Law | Path | str | None = None, folder: Path | str = ".") -> Cell:
    """The studio's page for a notebook: with a law its room of predictions, without one its room of schedules.

    The server is a thread of this process, on loopback: a browser on another machine doesn't reach it.

    Args:
        law: what losses are predicted by; a law, or the file of one.
        folder: the only one whose laws, logs and run directories the page reads.

    Raises:
        FrameworkError: starlette or uvicorn isn't installed, or the folder isn't there.
        LawError: it is no law, or the file holds none.

    >>> page = studio()
    >>> page.url.endswith("#draw"), "<iframe" in page._repr_html_()
    (True, True)
    >>> page.close()
    """
    try:
        from glideslope.studio.background import Background
    except ModuleNotFoundError as error:
        raise FrameworkError(
            f'the studio needs {error.name}, which is not installed: pip install "glideslope[studio]"'
        ) from error
    if not Path(folder).is_dir():
        raise FrameworkError(f"{folder} isn't a folder: name the one whose laws, logs and runs the page may read")
    laws = {} if law is None else {"law": _law(law)}
    return Cell(Background(Path(folder), ancestors=_ANY_PAGE, laws=laws), "draw" if law is None else "predict")


def _law(law: object) -> Law:
    from glideslope.laws import Law, load

    if isinstance(law, str | Path):
        return load(law)
    if not isinstance(law, Law):
        raise LawError(
            f"{type(law).__name__} isn't a law: give what gs.laws.fit returned, or the file that it was saved in"
        )
    return law
