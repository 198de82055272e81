"""Files of run directories that are damaged."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

import msgspec
import numpy as np

import glideslope as gs
from faults.small_search import finished, folder, job_file, prepared, right, searched
from faults.tally import Kinds
from glideslope.documents import sealed
from glideslope.search.storage import lock


def damage(content: bytes, random: np.random.Generator) -> bytes:
    """The bytes of a file changed: a bit, a cut, a digit, a piece lost or doubled, JSON of another shape, or deep."""
    at = int(random.integers(len(content))) if content else 0
    kind = int(random.integers(8))
    if kind == 0:
        return content[:at] + bytes([content[at] ^ 1 << int(random.integers(8))]) + content[at + 1 :]
    if kind == 1:
        return content[:at]
    if kind == 2:
        digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
        i = digits[int(random.integers(len(digits)))] if digits else 0
        return content[:i] + str(random.integers(10)).encode() + content[i + 1 :]
    if kind == 3:
        return content.replace(b"10.", b"0.") if at % 2 else content.replace(b"1", b"2", 1)
    if kind == 4:
        return content[:at] + content[at + int(random.integers(1, 40)) :]
    if kind == 5:
        return content[:at] + content[at : at + 20] * 2 + content[at + 20 :]
    if kind == 6:
        shapes = (b"[]", b"{}", b"null", b"1e999", b'{"checksum": 1}', b'"text"', b"\xff\xfe", b'{"a": NaN}', b"")
        return shapes[at % len(shapes)]
    return b"[" * 100_000 + b"]" * 100_000 if at % 2 else b'{"a":' * 5_000 + content + b"}" * 5_000


def replace(file: Path, kind: int) -> None:
    """Puts something else than a file in its place: a pipe, a folder, a link to itself or to nothing."""
    file.unlink()
    if kind == 0:
        os.mkfifo(file)
    elif kind == 1:
        file.mkdir()
    else:
        file.symlink_to(file if kind == 2 else "nothing")


def damaged(seed: int, pattern: str) -> str | None:
    """A file of a finished or a killed search is damaged; going on gives the right result, or an error of ours."""
    random = np.random.default_rng(seed)
    out = folder() / "out"
    shutil.copytree(finished(0), out)
    if random.random() < 0.5 and pattern.startswith("finished"):
        (out / "result.json").unlink()
    file = sorted(out.glob(pattern))[int(random.integers(len(sorted(out.glob(pattern)))))]
    content = file.read_bytes()
    if random.random() < 0.05:
        replace(file, int(random.integers(4)))
    else:
        file.write_bytes(damage(content, random))
    if file.name == "runs.csv" and file.is_file() and (problem := misread(out)):
        return f"seed {seed}: {problem}"
    mode = {"overwrite": True} if random.random() < 0.2 else {"resume": True}
    try:
        result = searched(out, job_file(0), **mode)
    except gs.GlideslopeError as error:
        if "\n" in str(error) or file.name not in str(error):
            return f"seed {seed}: it doesn't name {file.name}: {error}"
    else:
        if result != right(0):
            return f"seed {seed}: {result}, not {right(0)}"
    finally:
        shutil.rmtree(out.parent)
    return None


def misread(out: Path) -> str | None:
    """What curves of a damaged runs.csv are read otherwise than they were; None where an error of ours says it."""
    try:
        runs = gs.laws.read([out]).runs
    except gs.LawError:
        return None
    same = [run.loss.tolist() for run in runs] == [run.loss.tolist() for run in gs.laws.read([finished(0)]).runs]
    return None if same else "other curves are read"


def damaged_lock(seed: int) -> str | None:
    """The lock of a killed search is damaged: it is taken over, or an error of ours names it."""
    random = np.random.default_rng(seed)
    out = folder() / "out"
    shutil.copytree(finished(0), out)
    owner = lock.this_process()
    owner.started = "0"
    (out / "search.lock").write_bytes(damage(sealed(msgspec.to_builtins(owner)).encode(), random))
    try:
        return None if searched(out, job_file(0), resume=True) == right(0) else f"seed {seed}: another result"
    except gs.RunDirectoryError as error:
        return None if "search.lock" in str(error) else f"seed {seed}: {error}"
    finally:
        shutil.rmtree(out.parent)


KINDS: Kinds = {
    **{f"damaged-{name}": (f"run directories with a damaged {file}",
                           prepared(functools.partial(damaged, pattern=pattern)), 1_000)
       for name, file, pattern in (("search", "search.json", "search.json"), ("result", "result.json", "result.json"),
                                   ("finished", "file of a finished run", "finished/*.json"),
                                   ("runs", "runs.csv", "runs.csv"), ("report", "report.html", "report.html"))},
    "damaged-lock": ("run directories with a damaged lock", prepared(damaged_lock), 1_000),
}  # fmt: skip
