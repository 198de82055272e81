"""A room as one file, and the studio in a notebook."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope import cli, laws
from glideslope.errors import DocumentError, GlideslopeError
from glideslope.studio.export import Export, exported, fragment, read_address
from glideslope.studio.library import Library
from glideslope.studio.server import application, server
from tests.studio.asking import client

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("room", ["draw", "predict", "play", "learn"])
def test_a_file_has_nothing_to_ask_for(room):
    page = exported(Library(EXAMPLES), Export(room))
    assert "default-src 'none'" in page
    assert "connect-src" not in page
    recorded = json.loads(page.partition('id="recorded">')[2].partition("</script>")[0])
    assert recorded["open"]["name"] == room
    for text in ('src="', 'href="'):
        assert not [rest for rest in page.split(text)[1:] if not rest.startswith(("#", "data:"))]


@pytest.mark.parametrize(
    "text", ["", "nowhere", "draw/{", "play/%7B%22a%22:", "draw/[1]", "draw/" + "[" * 5000, "#watch/5", "draw/%ff%fe",
             'draw/{"x": "\\ud800"}', 'watch/{"folder": "\\udfff"}', 'learn/{"\\ud800": 1}']
)  # fmt: skip
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(DocumentError, match="the address of a room"):
        read_address(text)


@pytest.mark.parametrize(
    ("room", "state"),
    [("draw", {"steps": 0}), ("play", {"surface": "nowhere"}), ("predict", {"law": "../x"}), ("watch", {}),
     ("watch", {"folder": ".."}), ("learn", {"lesson": 9}), ("draw", {"x": 1})],
)  # fmt: skip
def test_a_state_that_is_none_is_refused(tmp_path, room, state):
    with pytest.raises(GlideslopeError):
        exported(Library(tmp_path), Export(room, state))


def test_names_in_a_file_are_data(tmp_path):
    shutil.copy(EXAMPLES / "law.json", tmp_path / "<img src=x onerror=alert(1)>.json")
    page = exported(Library(tmp_path), Export("predict"))
    assert "<img src=x" not in page
    assert "\\u003cimg src=x" in page


def test_the_command_writes_a_file(tmp_path, capsys):
    state = 'draw/{"schedules": ["cosine"], "steps": 50}'
    assert cli.run(["studio", str(EXAMPLES), "--export", str(tmp_path / "room.html"), "--state", state]) == 0
    assert '"schedules":["cosine"]' in (tmp_path / "room.html").read_text()
    assert cli.run(["studio", str(EXAMPLES), "--export", str(tmp_path / "x.html"), "--state", "nowhere"]) == 2
    assert cli.run(["studio", str(tmp_path / "nothing")]) == 2
    errors = capsys.readouterr().err.strip().split("\n")
    assert len(errors) == 2
    assert all(line.startswith("glideslope: ") for line in errors)


def test_a_link_of_an_earlier_start_opens_its_state(capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: [each.close() for each in sockets])
    link = "http://127.0.0.1:45123/an-earlier-token/#draw/%7B%22schedules%22%3A%5B%22cosine%22%5D%2C%22steps%22%3A50%7D"
    assert cli.run(["studio", str(EXAMPLES), "--state", link]) == 0
    (address,) = capsys.readouterr().out.split()
    assert opened == [address]
    assert "earlier" not in address
    assert address.split("#")[1] == link.split("#")[1]
    assert read_address(address) == Export("draw", {"schedules": ["cosine"], "steps": 50})
    assert cli.run(["studio", str(EXAMPLES), "--state", "draw/{"]) == 2
    assert "the address of a room" in capsys.readouterr().err


def test_a_server_leaves_the_logging_of_the_process_as_it_is(tmp_path):
    handler = logging.FileHandler(tmp_path / "mine.log")
    logging.getLogger("mine").addHandler(handler)
    try:
        server(application(Library(EXAMPLES), "token"))
        assert not handler.stream.closed
    finally:
        logging.getLogger("mine").removeHandler(handler)
        handler.close()


@given(
    st.sampled_from(["draw", "predict", "play", "watch", "learn"]), st.dictionaries(st.text(), st.text() | st.floats())
)
def test_a_fragment_is_read_as_what_was_written(room, state):
    state = json.loads(msgspec.json.encode(state))  # which has no number that isn't finite
    assert read_address(fragment(Export(room, state))) == Export(room, state)


def test_the_page_saves_what_the_command_writes():
    asked = {"room": "draw", "state": {"schedules": ["cosine"], "steps": 50}}
    page = client(EXAMPLES).post("api/export", json=asked).json()
    assert page == exported(Library(EXAMPLES), Export(**asked))


def test_a_notebook_shows_the_room_of_predictions_of_a_law():
    cell = gs.studio(laws.load(EXAMPLES / "law.json"))
    try:
        assert cell.url.endswith("/#predict")
        assert cell.url in cell._repr_html_()
        assert b"Glideslope studio" in urlopen(cell.url.partition("#")[0]).read()
    finally:
        cell.close()


def test_the_function_and_the_package_have_one_name():
    code = (
        "import glideslope as gs; from glideslope.studio import notebook; import glideslope.studio.plan\n"
        "print(callable(gs.studio), gs.studio.plan.Plan.__name__, 'starlette' in __import__('sys').modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "Plan", "False"], done.stderr


@pytest.mark.slow
def test_without_its_packages_it_says_what_to_install():
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "import glideslope as gs\n"
        "try: gs.studio()\nexcept gs.GlideslopeError as error: print(error)\n"
        "from glideslope import cli; print(cli.run(['studio']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "glideslope[studio]"' in done.stdout, done.stderr
    assert done.stdout.strip().endswith("2")
    assert "Traceback" not in done.stderr


def test_a_notebook_takes_a_law_or_its_file(tmp_path):
    cell = gs.studio(str(EXAMPLES / "law.json"), tmp_path)
    assert cell.url.endswith("#predict")
    cell.close()
    with pytest.raises(gs.LawError, match="nothing"):
        gs.studio(tmp_path / "nothing.json")
    with pytest.raises(gs.LawError, match="int isn't a law"):
        gs.studio(3)
    with pytest.raises(gs.GlideslopeError, match="isn't a folder"):
        gs.studio(folder=tmp_path / "nothing")
