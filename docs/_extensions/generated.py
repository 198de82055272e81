"""Pages that are written from the code before each build: the reference, and the scripts of the gallery."""

from __future__ import annotations

from pathlib import Path

import reference
import schedule_scripts


def write(docs: Path) -> None:
    """Writes both folders; a file whose content is the same is left alone, so that it isn't built again."""
    replace(docs / "reference", reference.pages())
    replace(docs / "_schedules", schedule_scripts.scripts())


def replace(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in files and path.is_file():
            path.unlink()
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
