"""Requests at random: wild ones, and sound ones with something wrong in them. `python -m tests.studio.fuzz 10000`."""

import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.studio.asking import client

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = [
    "cosine",
    "warmup(5%) >> hold() >> cooldown(20%)",
    "interpolate([0, 50%], [1, 0])",
    "cosine * plateau",
    "(((",
    "\x00",
    "linear * growth(8, 64)",
    "cosine * guard",
    "cosine.repeat(9)",
    "warmup(3ep) >> linear",
    "0 * cosine",
    "step(1)",
    "",
    "constant(1e300)",
    "e" * 4000,
    "noam(10)",
    "\ud83d\ude42",
    "cosine >> cosine",
    "triangular(1)",
    "cosine.over(5)",
    "x^2",
    "interpolate([0, 1e300], [0, 1])",
    "chebyshev(16)",
    "piecewise([1, 0.5], [1])",
    "cosine.noise(0.5)",
    "power(1)",
    "exponential(1, ratio=1e-300)",
    "1 / 0",
    "max(cosine, linear)",
    "hyperbolic",
    "one_cycle.reverse()",
    "constant(0)",
    "warmup(100%) >> warmup(100%)",
    "cosine.stretch(1e9)",
]
FORMULAS = [
    "x^2",
    "x^2 + y^2",
    "log(x) / y",
    "1/x",
    "sqrt(-1)",
    "exp(exp(exp(x)))",
    "x^y^x",
    "0*x",
    "5",
    "abs(x)",
    "x^0.5",
    "(",
    "tanh(1e9*y)",
]
FORMS = ["text", "torch", "optax", "keras", "transformers", "deepspeed", "json", "csv"]
NUMBERS = [
    0,
    1,
    2,
    -1,
    0.5,
    1e-9,
    1e9,
    1e12,
    2**53,
    2**53 + 1,
    10**30,
    1e308,
    -0.0,
    7,
    100,
    10_000,
    10**7,
    None,
    True,
    "5",
    [],
    {},
]
PATHS = [
    "draw",
    "copy",
    "gallery",
    "play",
    "places",
    "laws",
    "predict",
    "fit",
    "folders",
    "watch",
    "export",
    "drop/a/b.csv",
    "drop/a/r/../b.csv",
    "nothing",
]


def plan(chance):
    texts = [chance.choice(TEXTS) for _ in range(chance.randint(1, 3))]
    axis, chosen = chance.choice(["updates", "epochs", "examples", "tokens"]), chance.randint(0, 3)
    steps, peak = chance.choice([1, 2, 9, 100, 5000, 10**6, 2**53]), chance.choice([1e-12, 0.1, 1.0, 1e6])
    batch, epoch, tokens = (chance.choice([1e-9, 1, 1024.5, 50_000, 1e12]) for _ in range(3))
    return {
        "schedules": texts, "steps": steps, "peak": peak, "batch": batch, "epoch": epoch, "tokens": tokens,
        "axis": axis, "chosen": chosen,
    }  # fmt: skip


def edit(chance):
    act = chance.choice(["move", "remove", "add", "points"])
    x, y = chance.choice([None, -1e300, 0, 5, 1e300]), chance.choice([None, -1, 0, 0.1, 1e300])
    return chance.choice([None, {"act": act, "handle": chance.randint(0, 5), "x": x, "y": y}])


def ball(chance):
    start = [chance.choice([-1e9, -2.5, 0, 0.1, 3, 1e9]) for _ in range(chance.randint(1, 2))]
    optimizer = chance.choice(["descent", "momentum", "nesterov", "adagrad", "rmsprop", "adam"])
    rate, beta = chance.choice([1e-300, 0.01, 1, 1e6]), chance.choice([0, 0.9, 0.9999])
    layers = [chance.choice([0, 1, 1e4]), 1]
    schedule = chance.choice(TEXTS)
    return {
        "start": start, "optimizer": optimizer, "rate": rate, "schedule": schedule, "momentum": beta, "layers": layers,
    }  # fmt: skip


def play(chance):
    names = ["formula", "parabola", "ravine", "saddle", "rosenbrock", "rastrigin", "beale", "nothing"]
    windows = [None, None, [[-1, 1]], [[-1e6, 1e6], [0, 1e-9]], [[3, -3], [0, 1]]]
    world = {
        "steps": chance.choice([1, 20, 200]), "noise": chance.choice([0, 1, 1e6]), "batch": chance.choice([0, 1, 64]),
        "rare": chance.choice([1, 10]), "seed": chance.randint(0, 9),
    }  # fmt: skip
    return {
        "surface": chance.choice(names), "formula": chance.choice(FORMULAS), "window": chance.choice(windows),
        "balls": [ball(chance) for _ in range(chance.randint(1, 2))], "world": world,
    }  # fmt: skip


def unsaid(chance):
    """Some of what logs don't say."""
    options = {
        "steps_per_epoch": chance.choice([1e-9, 0.5, 140, 1e12]), "warmup": chance.choice([0, 5, 2**53]),
        "schedule": chance.choice(TEXTS), "peak": chance.choice([1e-300, 0.1, 1e6]),
        "steps": chance.choice([0, 1, 2**53]), "step": chance.choice(["step", "a,b", ",", "\x00"]),
        "lr": chance.choice(TEXTS), "loss": "loss",
    }  # fmt: skip
    return {name: value for name, value in options.items() if chance.random() < 0.3}


def sound(chance, path):
    """A body that the path may take."""
    law = chance.choice(["law.json", "", "../law.json", "nothing", "x" * 400])
    state = chance.choice([None, {}, chance.choice([plan, play])(chance)])
    return {
        "draw": lambda: {"plan": plan(chance), "edit": edit(chance)},
        "copy": lambda: {"plan": {**plan(chance), "steps": chance.choice([1, 9, 3000])}, "to": chance.choice(FORMS)},
        "predict": lambda: {"plan": plan(chance), "edit": edit(chance), "law": law, "moving": chance.random() < 0.5},
        "play": lambda: play(chance),
        "watch": lambda: {"folder": chance.choice(["", ".", "..", "run", "broken", "a/b", "\x00"])},
        "fit": lambda: {"group": chance.choice(["a", "zz", "A", ""]), **unsaid(chance)},
        "export": lambda: {
            "room": chance.choice(["draw", "predict", "play", "watch"]),
            "state": state,
        },
    }.get(path, lambda: None)()


def spoilt(chance, body):
    """The same with something else in one place."""
    if isinstance(body, dict) and body and chance.random() < 0.9:
        key = chance.choice(list(body))
        return {**body, chance.choice([key, key, "unknown"]): spoilt(chance, body[key])}
    if isinstance(body, list) and body and chance.random() < 0.8:
        i = chance.randrange(len(body))
        return [*body[:i], spoilt(chance, body[i]), *body[i + 1 :]]
    return chance.choice([*NUMBERS, *TEXTS, *FORMULAS])


def content(chance, path):
    """The bytes of a request."""
    kind = chance.random()
    if kind < 0.08:
        return chance.randbytes(chance.randint(0, 60))
    body = sound(chance, path)
    if kind < 0.5:
        body = spoilt(chance, body)
    text = json.dumps(body).encode("utf-8", "surrogatepass")
    if kind < 0.14 and text:
        place = chance.randrange(len(text))
        text = text[:place] + chance.randbytes(1) + text[place + 1 :]
    return text


def fuzz(requests, seed=0):
    """The statuses of so many requests, those answered by an error of the server, and the slowest."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "inside"
        folder.mkdir()
        shutil.copy(EXAMPLES / "law.json", folder)
        shutil.copytree(EXAMPLES.parent / "tests/formats/run-directory-2", folder / "run")
        (folder / "broken").mkdir()
        (folder / "broken" / "search.json").write_text("{}")
        asking = client(folder)
        statuses, failed, slowest = {}, [], (0.0, b"")
        for _ in range(requests):
            path = chance.choice(PATHS)
            body = content(chance, path)
            began = time.perf_counter()
            if chance.random() < 0.05:
                odd = "".join(chance.choice("./%\\ab0~?#é") for _ in range(chance.randint(0, 12)))
                start = chance.choice(["", "report?folder=", "api/"])
                answer = asking.get(f"{start}{odd if start else odd.lstrip('/')}")  # // would name another host
            else:
                answer = asking.post(f"api/{path}", content=body)
            took = time.perf_counter() - began
            slowest = max(slowest, (took, path.encode() + b" " + body[:400]))
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            if answer.status_code >= 500:
                failed.append((path, body))
        return statuses, failed, slowest


if __name__ == "__main__":
    print(*fuzz(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0), sep="\n")
