"""The pages of the site, as sources: their code runs, each has a next step, and words are spelled right."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import glideslope as gs

DOCS = Path(__file__).parents[2] / "docs"
WRITTEN = sorted(path for folder in ("start", "how-to", "tutorials") for path in (DOCS / folder).glob("*.md"))
PAGES = [*sorted(path for path in DOCS.glob("*.md") if path.name != "README.md"), *WRITTEN]
RUN = [path for path in WRITTEN if path.parent.name != "tutorials" and "```python\n" in path.read_text()]
SLOW = {"rate"}
"""Pages whose code searches."""


def name(path):
    return str(path.relative_to(DOCS))


@pytest.mark.parametrize(
    "page", [pytest.param(path, marks=pytest.mark.slow if path.stem in SLOW else (), id=name(path)) for path in RUN]
)
def test_the_code_of_a_page_runs_from_its_first_line_to_its_last(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(DOCS.parent / "examples")
    names = {"gs": gs, "__name__": "page"}
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        exec(compile(block, name(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_of_a_page_is_python(page):
    for block in re.findall(r"^```(?:python|\{code-cell\}.*?)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        code = "\n".join(line for line in block.split("\n") if not line.startswith((":", "%")))
        compile(code, name(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_ends_with_a_next_step(page):
    last = page.read_text().split("```{toctree}")[0].rstrip().split("\n\n")[-1]
    assert re.match(r"Next: .*\]\([\w./#-]+\)", last, re.DOTALL), "end the page with `Next: [a page](page.md)`"


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_links_lead_to_a_page_or_a_heading(page):
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        file, _, anchor = target.partition("#")
        if file.startswith("http"):
            continue
        linked = (page.parent / file).resolve() if file else page
        generated = linked.parent.name in ("gallery", "reference")
        assert linked.exists() or generated, f"{name(page)}: {target}"
        if anchor and not generated:
            titles = re.findall(r"^#+ (.*)", linked.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_link_to_an_issue_is_named_by_its_number(page):
    for label, url in re.findall(r"\[([^\]]+)\]\((http[^)\s]+)\)", page.read_text()):
        assert url.startswith("https://"), url
        if number := re.search(r"github\.com/[\w.-]+/[\w.-]+/(?:issues|pull|discussions)/(\d+)$", url):
            assert re.findall(r"\d+", label)[-1] == number[1], f"{label}: {url}"


def test_words_are_spelled_right():
    pytest.importorskip("codespell_lib", reason="codespell isn't installed: pip install codespell")
    root = DOCS.parent
    files = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "docs", "examples"]
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", *[file for file in files if (root / file).exists()]],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
