"""The Korean pages: what users read is translated, and a translation keeps the code and the links of its original."""

import re
from pathlib import Path

import pytest

pofile = pytest.importorskip("babel.messages.pofile", reason="babel isn't installed: make docs does")
FOLDER = Path(__file__).parents[2] / "docs/locale/ko/LC_MESSAGES"
FILES = sorted(FOLDER.rglob("*.po"))
AS_IT_IS = re.compile(r"(`[^`]*`(, )?)+|[\d%., ]+|[\w-]+( \w+){0,2}|\[[\w -]+\]\(\S+\)|.*`→.*")
"""Code, numbers, names, and the names of issues."""


def messages():
    for path in FILES:
        with path.open("rb") as opened:
            catalog = pofile.read_po(opened, locale="ko")
        yield from ((path, message) for message in catalog if message.id)


def names(pattern, text):
    return sorted(re.findall(pattern, text))


def test_what_users_read_is_translated():
    needed = [message for _, message in messages() if not AS_IT_IS.fullmatch(message.id)]
    missing = [message.id for message in needed if not message.string]
    assert missing == []


def test_a_translation_keeps_code_and_links():
    for path, message in messages():
        if message.string:
            for pattern in (r"`([^`]+)`", r"\]\(([^)]+)\)"):
                assert names(pattern, message.id) == names(pattern, message.string), (path.name, message.id)


def test_a_translation_is_in_korean():
    for path, message in messages():
        if message.string and message.string != message.id:
            prose = re.sub(r"`[^`]*`", "", message.string)
            assert re.search(r"[가-힣]", prose) or not re.search(r"[a-z]{3} [a-z]{3}", prose), (path.name, prose)
