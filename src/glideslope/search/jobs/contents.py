"""Fingerprints of the files that a job uses."""

from __future__ import annotations

import functools
import importlib.machinery
import os
import re
import stat
from collections import defaultdict
from io import FileIO  # a job may replace `open`

from glideslope.files import digest

WRITTEN, NONE = "written by the job", "none"
_CODE = tuple({".py", *importlib.machinery.all_suffixes()})
_WHOLE, _SAMPLES, _SAMPLE = 2**26, 64, 2**14
"""Bytes up to which the checksum is of a whole file; the samples of a larger one, and the bytes of each."""
_NUMBER = re.compile(r"[0-9a-f-]*\d[0-9a-f-]*")  # of an epoch, or at random
_left = [2**32]  # bytes of whole files, after which of each above a sample only samples are read


def is_code(name: str) -> bool:
    """Whether it is a file of Python."""
    return name.endswith(_CODE)


def content(path: str, like: str = "") -> str:
    """The checksum of a file; of a large one, or like that of one, the size and the checksum of samples; or "none"."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return NONE
        is_left = like not in ("", NONE, WRITTEN) or status.st_size <= _left[0] or is_code(path)
        is_sampled = status.st_size > _WHOLE or not is_left or " bytes" in like
        return _content(path, status.st_size, status.st_mtime_ns, status.st_ino, is_sampled)
    except (OSError, ValueError):
        return NONE


@functools.lru_cache(20_000)
def _content(path: str, size: int, time: int, number: int, is_sampled: bool) -> str:
    with FileIO(path) as file:
        if not is_sampled:
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
    used files there, and where folders within were listed too, new folders that have such files. Names that are hidden,
    or differ by a number only from what the job writes, count only where they are of used files."""
    endings: dict[str, set[str]] = defaultdict(set)
    written: dict[str, set[str]] = defaultdict(set)
    for name, how in files.items():
        place, base = os.path.split(name)
        if base and how == WRITTEN:
            written[place].add(_NUMBER.sub("#", base))
            written[os.path.dirname(place)].add(_NUMBER.sub("#", os.path.basename(place)))
        elif base:
            endings[place].add(os.path.splitext(base)[1])
    said = {name: said for name, said in files.items() if not name.endswith("/")}
    listed = {name: name.removeprefix("./") for name in files if name.endswith("/")}
    for place, lead in listed.items():
        within = [other[:-1] for other in listed.values() if other.startswith(lead)]
        of_walk = {ending for other in within for ending in endings[other]}
        _, folders, names = next(os.walk(os.path.join(folder, place)), ("", [], [])) if of_walk else ("", [], [])
        new = [n for n in names if lead + n not in files and os.path.splitext(n)[1] in endings[lead[:-1]]]
        for name in folders if len(within) > 1 else ():
            inner = next(os.walk(os.path.join(folder, lead, name)), ("", [], []))[2]
            if f"{lead}{name}/" not in files and "search.json" not in inner:
                new += [name] if any(os.path.splitext(file)[1] in of_walk for file in inner) else []
        new = [n for n in new if n[0] != "." and _NUMBER.sub("#", n) not in written[lead[:-1]]]
        new += [name for name in names if files.get(lead + name, WRITTEN) != WRITTEN]
        said |= {place: digest("/".join(sorted(new)).encode(errors="surrogatepass"))} if of_walk else {}
    return said
