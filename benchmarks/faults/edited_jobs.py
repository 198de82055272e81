"""Jobs of many layouts, edited between a kill and going on: refused where a finished run depends on the file."""

from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faults.interruptions import kill
from faults.small_search import RUNS, STEPS, folder, in_child, loaded
from faults.tally import Kinds, seeded
from glideslope.search import race
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.storage.identity import identity

JOB = """
import importlib, importlib.util, json, os, pkgutil, runpy, sys
from pathlib import Path
import numpy as np
HERE = Path(__file__).parent
TOP = {top}
class Quadratic:
    def __init__(self): self.w, self.n, self.target = 10.0, 0, TOP + {made}
    def step(self, lr):
        self.n += 1
        loss = self.evaluate()
        self.w -= lr * (self.w - self.target)
        if self.n > 4: self.w += 0.01 * ({step})
        if lr > 0.5: self.w += 0.01 * ({high})
        {written}
        return loss
    def evaluate(self): return (self.w - self.target) ** 2 / 2 + self.target + 0.01 * ({evaluate})
    def state(self): return [self.w, self.n]
    def restore(self, state): self.w, self.n = state
def job(seed): return Quadratic()
"""
TIMES = ("top", "made", "step", "high", "evaluate")


@dataclass(frozen=True)
class Way:
    """A way to use files: an expression of their values, with @ for the name of this use; the files, with a value each;
    and files beside them that aren't used, as its names suggest."""

    value: str
    files: tuple[str, ...]
    unused: tuple[str, ...] = ()


WAYS = (
    Way("__import__('@').V", ("@.py",), ("@_.py",)),
    Way("importlib.import_module('@.one').V", ("@/__init__.py", "@/one.py"), ("@/two.py", "one.py")),
    Way("importlib.import_module('@.' + 'o{}'.format('ne')).V", ("@/one.py",), ("@/three.py",)),
    Way("importlib.import_module('.two', '@').V", ("@/__init__.py", "@/two.py"), ("two.py",)),
    Way("importlib.import_module(json.loads((HERE / '@.json').read_text())['name'] + '_').V", ("@_.py",), ("@.py",)),
    Way("runpy.run_path(str(HERE / 'run-@.py'))['V']", ("run-@.py",), ("run_@.py",)),
    Way("(lambda names: [exec(open(HERE / '@.txt').read(), names), names['V']][1])({})", ("@.txt",), ("@.md",)),
    Way("sum(runpy.run_path(str(path))['V'] for path in sorted((HERE / '@').glob('*.py')))", ("@/a.py", "@/b.py"),
        ("@/c.txt",)),
    Way("sum(importlib.import_module(f'@.{m.name}').V for m in pkgutil.iter_modules([str(HERE / '@')]))",
        ("@/a.py", "@/b.py"), ("@/notes.md",)),
    Way("sum(json.loads(path.read_text())['V'] for path in sorted((HERE / '@').rglob('*.json')))",
        ("@/a.json", "@/deep/b.json"), ("@/a.csv",)),
    Way("sum(float(open(f'{HERE}/@/{name}').read()[2:]) for name in sorted(os.listdir(HERE / '@')) if '.t' in name)",
        ("@/a.txt", "@/b.txt"), ("@/a.log",)),
    Way("json.loads((HERE / '@.json').read_text())['V']", ("@.json",), ("@-old.json", "json/@.json")),
    Way("json.loads(Path(os.path.relpath(HERE), 'conf', '@.json').read_text())['V']", ("conf/@.json",), ("@.json",)),
    Way("float(np.loadtxt(HERE / '@.csv'))", ("@.csv",), ("@.tsv",)),
    Way("float(os.read(os.open(os.fspath(HERE / '@.dat'), os.O_RDONLY), 99)[2:])", ("@.dat",), ("@",)),
    Way("(lambda spec, make: [m := make(spec), spec.loader.exec_module(m), m.V][2])(importlib.util"
        ".spec_from_file_location('any', HERE / 'x-@.py'), importlib.util.module_from_spec)", ("x-@.py",), ("x_@.py",)),
    Way("[sys.path.append(str(HERE / 'src')), __import__('@')][1].V", ("src/@.py",), ("lib/@.py", "src/@_.py")),
    Way("[sys.path.insert(0, str(HERE / '@.zip')), importlib.invalidate_caches(), __import__('z@')][2].V",
        ("@.zip",), ("z@/__init__.txt",)),
    Way("json.loads((HERE / 'link-@' / 'in.json').read_text())['V']", ("to/@/in.json",), ("to/in.json",)),
    Way("json.loads(pkgutil.get_data('@', 'data.json'))['V']", ("@/__init__.py", "@/data.json"), ("data.json",)),
    Way("json.loads((HERE / '@.json').read_text())['V'] if (lambda: False)() else 1.0", (), ("@.json", "@.py")),
    Way("{'one': lambda: __import__('@a').V, 'two': lambda: __import__('@b').V}['one']()", ("@a.py",), ("@b.py",)),
    Way("getattr(__import__('@'), 'late')().V", ("@/__init__.py", "@/inner.py"), ("inner.py",)),
    Way("(lambda p: json.loads(p.read_text())['V'] if p in p.parent.iterdir() else 1)(HERE / '@' / 'a.json')",
        ("@/a.json",), ("@/a.md", "a.json")),
)  # fmt: skip
WRITTEN = (
    "pass",
    "(HERE / 'log.csv').open('a').write('step')",
    "(HERE / 'last.json').write_text(json.dumps(self.n)); json.loads((HERE / 'last.json').read_text())",
    "(HERE / 'log.json').open('a+').write('.'); (HERE / 'log.json').read_text()",
    "np.save(HERE / 'weights.tmp.npy', self.w); os.replace(HERE / 'weights.tmp.npy', HERE / 'weights.npy')",
)


def _write(place: Path, name: str, value: int) -> None:
    """A file with a value, in the form that its name has."""
    file = place / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("__init__.py"):
        file.write_text(f"V = {value}\ndef late():\n    from . import inner\n    return inner\n")
    elif name.endswith(".zip"):
        import zipfile

        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"z{file.stem}.py", f"V = {value}\n")
    elif name.endswith(".json"):
        file.write_text(json.dumps({"V": value, "name": file.stem}))
    else:
        file.write_text(f"{value}" if name.endswith(("csv", "tsv")) else f"V={value}")


def _laid_out(place: Path, random: Any) -> tuple[list[str], list[str], set[Path]]:
    """Writes a job; returns the files that it may use, those that it doesn't, and the folders that it lists."""
    number = int(random.integers(1, 5))
    ways = [WAYS[i] for i in random.choice(len(WAYS), size=number, replace=False)]
    parts: dict[str, list[str]] = {time: ["0.0"] for time in TIMES}
    used, unused, listed = ["job.py"], ["notes.md", "other.py"], set[Path]()
    for i, way in enumerate(ways):
        name = f"{('alpha', 'beta', 'gamma', 'delta')[i]}"
        parts[str(random.choice(TIMES))].append(f"({way.value})".replace("@", name))
        used += [file.replace("@", name) for file in way.files]
        if any(word in way.value for word in ("iterdir", "glob", "listdir", "iter_modules")):
            listed |= {(place / file).parent for file in used[-len(way.files) :]}
        unused += [file.replace("@", name) for file in way.unused]
    for file in [*unused, *used[1:]]:
        _write(place, file, int(random.integers(1, 5)))
    for target in place.glob("to/*/"):
        (place / f"link-{target.name}").symlink_to(target)
    for way, name in zip(ways, ("alpha", "beta", "gamma", "delta"), strict=False):
        if "['name']" in way.value:
            _write(place, f"{name}.json", 1)
    joined = {time: " + ".join(values) for time, values in parts.items()}
    text = JOB.format(**joined, written=str(random.choice(WRITTEN)))
    (place / "job.py").write_text(text)
    return used, [file for file in unused if file not in used], listed


def _edit(place: Path, used: list[str], unused: list[str], listed: set[Path], random: Any) -> tuple[str, bool]:
    """Edits a file, adds or deletes one; returns what was done, and whether it is of the job."""
    kind = int(random.integers(6))
    name = str(random.choice(used if kind < 3 and len(used) > 1 else unused))
    file = place / name
    if kind in (0, 1, 3) and name != "job.py":
        _write(place, name, int(random.integers(5, 9)))
        return f"edited {name}", name in used
    if kind == 2 and name != "job.py":
        new = file.with_name(f"aa{file.suffix}")
        _write(place, str(new.relative_to(place)), 7)
        return f"added {new.relative_to(place)}", new.parent in listed
    if kind == 4:
        file.unlink()
        return f"deleted {name}", False
    if kind == 5:
        for path in place.rglob("*.*"):
            os.utime(path)
        return "touched all", False
    file.write_text(file.read_text().replace("self.w - self.target)", "self.w - self.target - 0.5)"))
    return f"edited {name}", True


def _searched(out: Path | None, file: Path, last: int = 99, **mode: Any) -> dict[str, float]:
    """The final losses of a search by run, which is killed after so many runs."""
    memory: Any = {}
    factory = loaded(file)
    if out is not None:
        memory = RunDirectory(out, identity("race", f"{file}:job", RUNS), **mode)

    def watch(_: Any) -> None:
        if out is not None:
            memory.claim()
            if len(memory) >= last:
                kill("")

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        race(factory, RUNS["schedules"], STEPS, RUNS["peaks"], evaluations=2, memory=memory, watch=watch)
    return {key: result["final_loss"] for key, result in memory.items()}


def edited(seed: int) -> str | None:
    """A job of some layout is killed and edited: where a finished run is another now, it is refused; where the file
    isn't the job's, the search goes on, to the results of the job as it is now."""
    random = np.random.default_rng(seed)
    place = folder()
    used, unused, listed = _laid_out(place / "job", random)
    file, out = place / "job" / "job.py", place / ("out", "job/out")[int(random.integers(2))]
    last = int(random.integers(1, 4))
    if (ended := in_child(lambda: _searched(out, file, last))) is not None:
        return f"seed {seed}: not killed, {ended}"
    before = in_child(lambda: _searched(None, file))
    what, is_of_job = _edit(place / "job", used, unused, listed, random)
    sys.path_importer_cache.clear()
    try:
        now = in_child(lambda: _searched(None, file))
    except RuntimeError as error:
        now = {"refused": str(error)}
    done = [json.loads(path.read_text())["key"] for path in (out / "finished").glob("*.json")]
    result = in_child(lambda: _searched(out, file, resume=True))
    differs = not isinstance(now, dict) or any(now.get(key) != before[key] for key in done if key in before)
    text = (place / "job/job.py").read_text()
    shutil.rmtree(place)
    said = f"seed {seed}: {what} of {used}, unused {unused}; {result} for {now}, before {before}\n{text[:1500]}"
    if isinstance(result, str):
        return None if differs or is_of_job else f"refused; {said}"
    return f"went on; {said}" if result != now else None


KINDS: Kinds = {"edited-jobs": ("jobs of many layouts, edited between a kill and --resume", seeded(edited), 300)}
