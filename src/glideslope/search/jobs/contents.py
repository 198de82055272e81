"""What tells the content of the files that a job uses."""

from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import os
import stat
from io import FileIO  # a job may replace `open`

WRITTEN, NONE = "written by the job", "none"
_CODE = tuple({".py", *importlib.machinery.all_suffixes()})
_WHOLE, _SAMPLES, _SAMPLE = 2**26, 64, 2**14
"""Bytes up to which the checksum is of a whole file; the samples of a larger one, and the bytes of each."""
_left = [2**32]  # bytes of whole files, after which of each above a sample only samples are read


def digest(content: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]


def is_code(name: str) -> bool:
    """Whether it is a file of Python."""
    return name.endswith(_CODE)


def content(path: str, like: str = "") -> str:
    """The checksum of a file; of a large one, or like that of one, the size and the checksum of samples; or "none"."""
    try:
        status = os.stat(path)
        is_file = stat.S_ISREG(status.st_mode)
        return _content(path, status.st_size, status.st_mtime_ns, status.st_ino, " bytes" in like) if is_file else NONE
    except (OSError, ValueError):
        return NONE


@functools.lru_cache(20_000)
def _content(path: str, size: int, time: int, number: int, is_sampled: bool) -> str:
    with FileIO(path) as file:
        if not is_sampled and size <= _WHOLE and (size <= _left[0] or is_code(path)):
            _left[0] -= size
            return digest(file.readall())
        samples = [file.read(_SAMPLE) for i in range(_SAMPLES) if file.seek(i * size // _SAMPLES) >= 0]
    return f"{size:,} bytes, {digest(b''.join(samples))}"


def as_now(folder: str, files: dict[str, str]) -> dict[str, str]:
    """Files as they are now."""
    now = {name: said if said == WRITTEN else content(os.path.join(folder, name), said) for name, said in files.items()}
    return with_names(folder, now)


def with_names(folder: str, files: dict[str, str]) -> dict[str, str]:
    """The files; and of each folder that was listed, whose path ends in a slash, the names now that end as those of the
    used files there."""
    endings: dict[str, set[str]] = {}
    for name, said in files.items():
        if said != WRITTEN and not name.endswith("/"):
            endings.setdefault(f"{os.path.dirname(name) or '.'}/", set()).add(os.path.splitext(name)[1])
    names = {place: _names(folder, place, endings, files) for place in files if place in endings}
    return {**{name: said for name, said in files.items() if not name.endswith("/")}, **names}


def _names(folder: str, place: str, endings: dict[str, set[str]], files: dict[str, str]) -> str:
    """Where folders within were listed too, new ones that have such files are among the names."""
    lead = place.removeprefix("./")
    within = [other for other in files if other.endswith("/") and other.startswith(lead)]
    of_walk = {ending for other in within for ending in endings.get(other, ())}
    _, folders, names = next(os.walk(os.path.join(folder, place)), ("", [], []))
    found = [n for n in names if os.path.splitext(n)[1] in endings[place] and files.get(lead + n) != WRITTEN]
    for name in folders if within != [place] else ():
        inner = next(os.walk(os.path.join(folder, lead, name)), ("", [], []))[2]
        if f"{lead}{name}/" not in files and "search.json" not in inner:
            found += [name] if any(os.path.splitext(file)[1] in of_walk for file in inner) else []
    return digest("/".join(sorted(found)).encode(errors="surrogatepass"))
