"""A room's state as one file that opens without a server: the page itself, with the answers that it would ask for."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote

import msgspec
from msgspec import Meta
from starlette.routing import Route

from glideslope.documents import checked, parsed
from glideslope.errors import DocumentError
from glideslope.studio import play
from glideslope.studio.draw import Drawing, drawn
from glideslope.studio.exchange import posted, quiet
from glideslope.studio.library import Library
from glideslope.studio.pages import assets
from glideslope.studio.plan import Plan
from glideslope.studio.predict import Prediction, predicted
from glideslope.studio.watch import folders, seen
from glideslope.views.report import allowed

Room = Literal["draw", "predict", "play", "watch", "learn"]
_IMPORT = re.compile(r'(from |import\()"\./([\w-]+\.js)"')
_LESSONS = 8


class Export(msgspec.Struct, forbid_unknown_fields=True):
    """A room and its state, as the address of the page has them."""

    room: Room
    state: dict[str, Any] | None = None


class _Predict(msgspec.Struct, forbid_unknown_fields=True):
    plan: Plan = Plan()
    law: str = ""


class _Watch(msgspec.Struct, forbid_unknown_fields=True):
    folder: str = ""


class _Learn(msgspec.Struct, forbid_unknown_fields=True):
    lesson: Annotated[int, Meta(ge=1, le=_LESSONS)] = 1
    language: Literal["en", "ko"] = "en"


def read_address(text: str) -> Export:
    """The room and the state in an address of the page, or in what follows its #. Raises a DocumentError if it has
    none.

    >>> read_address("http://127.0.0.1:1/token/#learn/%7B%22lesson%22%3A2%7D")
    Export(room='learn', state={'lesson': 2})
    """
    room, _, state = text.rpartition("#")[2].partition("/")
    try:
        asked = checked({"room": room, "state": parsed(unquote(state)) if state else None}, Export)
        fragment(asked)  # has an address again
    except (ValueError, DocumentError) as error:
        raise DocumentError(
            f"{text[:80]!r} isn't the address of a room ({error}): give what Copy link gives, or one of draw, predict, "
            "play, watch and learn"
        ) from None
    return asked


def fragment(asked: Export) -> str:
    """What follows the address of a page that opens a room in its state.

    >>> fragment(Export("learn", {"lesson": 2})), fragment(Export("draw"))
    ('#learn/%7B%22lesson%22%3A2%7D', '#draw')
    """
    state = "" if asked.state is None else "/" + quote(msgspec.json.encode(asked.state), safe="")
    return f"#{asked.room}{state}"


def exported(library: Library, asked: Export) -> str:
    """The file, as HTML. Raises a GlideslopeError if the state isn't one of the room, or names what isn't there."""
    try:
        state, answers = _recorded(library, asked.room, asked.state or {})
    except DocumentError as error:
        raise DocumentError(f"no state of the room {asked.room}: {error}") from None
    recorded = {**answers, "open": {"name": asked.room, "state": msgspec.to_builtins(state)}}
    return _page(msgspec.json.encode(recorded).decode())


def routes(library: Library) -> Sequence[Route]:
    """The route of the button that saves a room."""
    return (posted("/api/export", Export, lambda asked: exported(library, asked)),)


def _recorded(library: Library, room: Room, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The whole state of a room, and each answer that the room asks for, under what it asks."""
    match room:
        case "draw":
            plan = checked(state, Plan)
            return plan, {"api/draw": quiet(drawn, Drawing(plan))}
        case "predict":
            asked = checked(state, _Predict)
            law = asked.law or next(iter(library.names()), "")
            answer = quiet(predicted, library, Prediction(asked.plan, law=law))
            return _Predict(asked.plan, law), {"api/laws": [law], "api/predict": answer}
        case "play":
            game = checked(state, play.Play)
            return game, {"api/places": play.places(None), "api/play": quiet(play.played, game)}
        case "watch":
            folder = checked(state, _Watch).folder or next(iter(folders(library)), "")
            return _Watch(folder), {"api/folders": [folder], "api/watch": quiet(seen, library, folder)}
        case "learn":
            return checked(state, _Learn), _lessons()


def _lessons() -> dict[str, Any]:
    """Every lesson, and the answers to its experiments."""
    answers: dict[str, Any] = {}
    for number in range(1, _LESSONS + 1):
        lesson = answers[f"lesson{number}.json"] = json.loads(assets()[f"lesson{number}.json"])
        for i, part in enumerate(lesson["parts"]):
            answers[f"lesson{number}/{i}"] = _experiment(part["experiment"])
    return answers


def _experiment(experiment: dict[str, Any]) -> Any:
    if experiment["room"] == "play":
        return quiet(play.played, checked(experiment["state"], play.Play))
    return quiet(drawn, Drawing(checked(experiment["state"], Plan)))


def _page(recorded: str) -> str:
    """The page with its programs, styles and answers in it; its policy allows these alone, and no request."""
    texts = {name: content.decode() for name, content in assets().items()}
    modules = {name: text for name, text in texts.items() if name.endswith(".js") and "/" not in name}
    imports = {f"glideslope/{name}": _data(_IMPORT.sub(r'\1"glideslope/\2"', text)) for name, text in modules.items()}
    import_map = json.dumps({"imports": imports})
    start, library = 'import "glideslope/app.js";', texts["uplot/uPlot.iife.min.js"]
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src data: {allowed((import_map, start, library))}"
    )
    styles = "".join(f"<style>{texts[name]}</style>" for name in ("uplot/uPlot.min.css", "report.css", "studio.css"))
    data = recorded.replace("<", "\\u003c")
    page = re.sub(r"<(?:link|script)\b[^>]*>(?:</script>)?\n", "", texts["index.html"])
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">{styles}'
    scripts = (
        f'<script type="application/json" id="recorded">{data}</script><script>{library}</script>'
        f'<script type="importmap">{import_map}</script><script type="module">{start}</script>'
    )
    return page.replace("</head>", f"{head}</head>").replace("</body>", f"{scripts}</body>")


def _data(text: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"
