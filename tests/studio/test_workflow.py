"""What CI runs of the studio is what a commit is checked with."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_pages_are_type_checked_alike_here_and_there():
    commands = [
        re.findall(r"npx --yes .* tsc .*", (ROOT / file).read_text())
        for file in (".ci/run", ".github/workflows/test.yml")
    ]
    assert commands[0] == commands[1]
    assert len(commands[0]) == 1


def test_the_newest_versions_are_tested_with_the_studio():
    """Its tests need the extra."""
    (extras,) = re.findall(r'\.newest -e "\.\[(.*)\]"', (ROOT / ".github/workflows/test.yml").read_text())
    assert {"studio", "dev"} <= set(extras.split(","))
