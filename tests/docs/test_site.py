"""The built site: no warning, every public name, a small size, and a search that answers newcomers' questions."""

import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import pytest

import glideslope as gs
from glideslope.schedules.names import NAMES
from tests.conftest import one_process_at_a_time

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDED = ("sphinx", "myst_nb", "sphinx_gallery", "furo", "optuna")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} aren't installed: make docs does"),
]
QUESTIONS = re.findall(
    r"^\| (.+?) \| (.+?) \| \[.*?\]\((\S+?)\.md\) \| \[.*?\]\((https://\S+?)\) \|$",
    (ROOT / "docs/questions.md").read_text(),
    re.MULTILINE,
)


@pytest.fixture(scope="session")
def site():
    """As `make docs` builds it; what is there already isn't built again."""
    folder = ROOT / "build/site"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    with one_process_at_a_time("site"):  # the next finds it built
        done = subprocess.run(
            [*command, "-d", str(ROOT / "build/doctrees")], cwd=ROOT, env=environment, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


def test_every_public_name_is_in_the_reference(site):
    from sphinx.util.inventory import InventoryFile

    with (site / "objects.inv").open("rb") as opened:
        inventory = InventoryFile.load(opened, "", lambda base, path: path)
    documented = {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}
    public = (ROOT / "docs/public.md").read_text()
    for module, names in re.findall(r"^## `([\w.]+)`\n(.*?)(?=^## |\Z)", public, re.DOTALL | re.MULTILINE):
        modules = {name for name in re.findall(r"`(\w+)`", names) if module == "glideslope" and name in gs.__all__
                   and isinstance(getattr(gs, name), ModuleType)}  # fmt: skip
        assert not {f"{module}.{name}" for name in set(re.findall(r"`(\w+)`", names)) - modules} - documented


def test_the_gallery_has_every_schedule_with_picture_formula_and_other_libraries(site):
    for name, make in NAMES.items():
        page = (site / f"gallery/schedule_{name}.html").read_text()
        formula = html.escape((make.__doc__ or "").strip().split("\n")[0], quote=False)
        text = html.unescape(re.sub(r"<[^>]+>", "", page))
        assert re.sub(r"\W+", "", html.unescape(formula)) in re.sub(r"\W+", "", text)
        assert re.search(r'<img[^>]+src="\.\./_images/', page)
        assert {"torch", "Optax", "Keras"} <= set(re.findall(r"<h2>(\w+)<", page))


def test_the_site_is_small(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 30e6


def test_each_page_has_a_next_step(site):
    for path in site.rglob("*.html"):
        if path.name in ("genindex.html", "search.html", "py-modindex.html") or "_modules" in path.parts:
            continue
        text = path.read_text()
        body = re.search(r"<article.*?>(.*)</article>", text, re.DOTALL)
        assert body, path
        assert re.search(r"(Next|다음).*?<a ", body[1], re.DOTALL), path


def test_links_within_the_site_lead_to_a_page_and_a_place(site):
    places = {}
    for path in site.rglob("*.html"):
        text = path.read_text()
        places[path] = set(re.findall(r'\bid="([^"]+)"', text))
    broken = []
    for path in places:
        if "_modules" in path.parts:
            continue
        for target in re.findall(r'<a [^>]*href="([^"]+)"', path.read_text()):
            file, _, place = html.unescape(target).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            linked = (path.parent / file).resolve() if file else path
            if "_modules" in linked.parts:  # places in sources are those of an extension
                continue
            if not (site / "ko").exists() and site / "ko" in linked.parents:
                continue
            if not linked.exists() or (place and linked in places and place not in places[linked]):
                broken.append((path.name, target))
    assert not broken


def test_there_are_twenty_questions_and_all_were_asked_elsewhere():
    assert len(QUESTIONS) >= 20
    assert len({link for *_, link in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("page", sorted({page for _, _, page, _ in QUESTIONS}))
def test_an_answer_is_two_clicks_from_the_start(site, page):
    assert re.search(r'href="questions\.html"', (site / "index.html").read_text())
    assert f'href="{page}.html"' in (site / "questions.html").read_text()
    assert (site / f"{page}.html").exists()


@pytest.fixture(scope="module")
def tab(browser):
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("words", "page"), [(words, page) for _, words, page, _ in QUESTIONS], ids=lambda value: value)
def test_a_search_finds_the_answer_offline(site, tab, words, page):
    tab.goto(f"{(site / 'search.html').as_uri()}?q={quote(words)}")
    tab.wait_for_selector("#search-results ul.search li", timeout=20_000)
    tab.wait_for_function("document.querySelector('.search-summary').textContent.match(/\\d/)", timeout=20_000)
    found = tab.eval_on_selector_all(
        "#search-results ul.search li > a:first-child", "links => links.map(link => link.getAttribute('href'))"
    )
    pages = list(dict.fromkeys(link.partition("?")[0].partition("#")[0] for link in found))
    others = [link for link in pages if link not in ("questions.html", "changelog.html")]
    assert f"{page}.html" in others[:5], others[:8]
