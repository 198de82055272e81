"""A run that is killed goes on inside itself from its checkpoints, to the same result."""

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections import OrderedDict, defaultdict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search import Contestant
from glideslope.search.directory import best
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.runs import checkpoints
from glideslope.search.runs.position import Position
from glideslope.search.runs.trial import Trial
from glideslope.search.storage import states
from glideslope.search.storage.places import place_at
from glideslope.search.storage.trees import joined, taken_apart
from glideslope.search.trials import Trials

SEARCH = {"command": "tune", "steps": 4}


class Killed(BaseException):
    """What a test ends a process by."""


class Noisy:
    """A noisy quadratic that draws from its own generator; its loss jumps now and then, and it may be killed."""

    def __init__(self, seed: int, kill: int = 10**9, jump: int = 10**9) -> None:
        self.w, self.rng, self.calls, self.kill, self.jump = np.ones(3), np.random.default_rng(seed), 0, kill, jump
        self.made = self.passed = 0

    def step(self, lr: float) -> float:
        self.calls += 1
        if self.calls == self.kill:
            raise Killed
        self.made += 1
        self.w = self.w - lr * (self.w + 0.1 * self.rng.standard_normal(3))
        return 1e6 if self.made == self.jump and not self.passed else float(self.w @ self.w) + 1.0

    def evaluate(self) -> float:
        return float(self.w @ self.w) + 1.0

    def skip(self) -> None:
        self.passed += 1

    def state(self) -> dict:
        return {"w": self.w.copy(), "rng": self.rng.bit_generator.state, "made": self.made, "passed": self.passed}

    def restore(self, state: dict) -> None:
        self.w, self.rng.bit_generator.state = state["w"].copy(), state["rng"]
        self.made, self.passed = state["made"], state["passed"]


@pytest.fixture(autouse=True)
def always_due(monkeypatch):
    """A checkpoint after each update, and no waiting for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(checkpoints, "LEAST_SPACING", 0.0)


def made(job, memory, schedule, steps, evaluations):
    trials = Trials(job, 0, memory)
    try:
        contestant = Contestant(gs.parse(schedule), 0.1)
        trial = Trial(contestant, steps, 0, evaluations, backs_off=isinstance(contestant.schedule, gs.Schedule))
        [run] = trials.run_all([trial], stage="", kept=trials.full_states)
        trials.leave(trial)
    finally:
        if isinstance(memory, RunDirectory):
            memory.release()
    return run, trials.job.state()


CURVES = ["linear()", "hold() * plateau(patience=1)", "cosine() * guard(every=7, rest=5)", "constant() * greedy()"]


@given(st.sampled_from(CURVES), st.integers(1, 90), st.integers(1, 8), st.lists(st.integers(7, 100), max_size=3),
       st.integers(30, 80))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_killed_run_goes_on_to_the_same_end(tmp_path_factory, schedule, steps, evaluations, kills, jump):
    whole, end = made(Noisy(0, jump=jump), {}, schedule, steps, min(evaluations, steps))
    out = tmp_path_factory.mktemp("run") / "out"
    for kill in [*kills, 10**9]:
        memory = RunDirectory(out, SEARCH, resume=out.exists(), checkpoint_every=0.0)
        job = Noisy(0, kill, jump)
        try:
            run, state = made(job, memory, schedule, steps, min(evaluations, steps))
        except Killed:
            assert len(list((out / "unfinished").glob("*[0-9].json"))) <= 2
    assert run == whole
    assert repr(state) == repr(end)
    assert not (out / "unfinished").exists()


class Overfitting(Noisy):
    """Its validation loss is least after some update, and ends so little above that the run ends there too."""

    def __init__(self, seed: int, kill: int = 10**9, least: int = 25) -> None:
        super().__init__(seed, kill)
        self.least = least

    def evaluate(self) -> float:
        return 1e6 + (self.made - self.least) ** 2


@pytest.mark.parametrize("kill", [10**9, 27, 44])
def test_the_state_of_the_least_validation_loss_is_kept(tmp_path, monkeypatch, kill):
    monkeypatch.setattr(best, "_LEAST_COST", 0.0)
    for calls in (kill, 10**9):
        memory = RunDirectory(tmp_path, SEARCH, resume=(tmp_path / "search.json").exists(), checkpoint_every=0.0)
        with suppress(Killed):
            run, end = made(Overfitting(0, calls), memory, "linear()", 60, 6)
            break
    assert run.evaluations[1:3] == ((20, 1e6 + 25), (30, 1e6 + 25))
    job = Overfitting(1)
    gs.load_checkpoint(job, tmp_path / "checkpoint" / "best.json")
    assert (job.made, job.evaluate()) == (20, min(loss for _, loss in run.evaluations))
    gs.load_checkpoint(job, tmp_path)
    assert repr(job.state()) == repr(end)
    for damaged in ("best.npz", "best.json"):
        (tmp_path / "checkpoint" / damaged).write_bytes(b"mine")
        with pytest.raises(gs.RunDirectoryError, match="best"):
            gs.load_checkpoint(job, tmp_path / "checkpoint" / "best.json")


def test_a_run_that_ends_at_its_least_validation_loss_has_one_state(tmp_path, monkeypatch):
    monkeypatch.setattr(best, "_LEAST_COST", 0.0)
    made(Overfitting(0, least=60), RunDirectory(tmp_path, SEARCH, checkpoint_every=0.0), "linear()", 60, 6)
    assert {file.name for file in (tmp_path / "checkpoint").iterdir()} == {"run.json", "state.npz"}


def test_no_more_than_one_update_is_made_again(tmp_path):
    jobs = [Noisy(0, kill=60), Noisy(0)]
    for job in jobs:
        memory = RunDirectory(tmp_path, SEARCH, resume=job is jobs[1], checkpoint_every=0.0)
        with suppress(Killed):
            made(job, memory, "linear()", 100, 1)
    first_check = 6
    assert jobs[0].calls - 1 + jobs[1].calls - 2 * first_check <= 101


class Early(Noisy):
    """A job that is best after 20 updates, at rates that have come down. It is killed at a call of any of its methods,
    and counts those of `step`."""

    def __init__(self, kill: int = 10**9) -> None:
        super().__init__(0)
        self.left, self.rate, self.most = kill, 0.0, 1.0

    def counted(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def step(self, lr: float) -> float:
        self.counted()
        self.rate, self.most = lr, max(lr, self.most if self.made else 0.0)
        return super().step(lr)

    def estimate(self, updates: float) -> float:
        self.counted()
        return super().evaluate() + 0.01 * (self.made - 38) ** 2 + 2 * self.rate / self.most

    def evaluate(self) -> float:
        return self.estimate(0.0) + 0.5

    def state(self) -> dict:
        self.counted()
        return {**super().state(), "rates": (self.rate, self.most)}

    def restore(self, state: dict) -> None:
        self.counted()
        super().restore(state)
        self.rate, self.most = state["rates"]


@pytest.mark.slow
@given(st.lists(st.integers(20, 1200), min_size=1, max_size=3))
@settings(max_examples=5, deadline=None)
def test_a_short_run_that_is_the_answer_is_not_made_again_after_a_kill(tmp_path_factory, kills):
    alone = Early()
    whole = gs.tune(alone, 120, overhead=1, against_constant=True)
    assert whole.final.evaluations[-1][0] < whole.steps  # a short run is the answer
    folder, calls = tmp_path_factory.mktemp("run") / "out", 0
    for kill in [*kills, 10**9]:
        memory = RunDirectory(folder, SEARCH, resume=folder.exists(), checkpoint_every=0.0)
        job = Early(kill)
        with suppress(Killed):
            tuned = gs.tune(job, 120, overhead=1, against_constant=True, memory=memory)
        memory.release()
        calls += job.calls
    assert replace(tuned, job=whole.job) == whole
    assert repr(tuned.job.state()) == repr(whole.job.state())
    first_check = 6
    assert calls <= alone.calls + len(kills) * (first_check + 2)
    assert {file.stem for file in (folder / "checkpoint").iterdir()} == {"run", "state"}


def test_a_finished_full_run_is_not_made_again(tmp_path):
    for resume, updates in ((False, 6 + 50), (True, 6)):
        job = Noisy(0)
        run, state = made(job, RunDirectory(tmp_path, SEARCH, resume=resume), "linear()", 50, 5)
        assert job.calls == updates
        assert (run.steps, state["made"]) == (50, 50)
    fresh = Noisy(7)
    gs.load_checkpoint(fresh, tmp_path)
    assert repr(fresh.state()) == repr(state)
    gs.load_checkpoint(fresh, tmp_path / "checkpoint")
    (tmp_path / "checkpoint/state.npz").write_bytes(b"half")
    with pytest.raises(gs.RunDirectoryError, match="isn't as a search wrote it"):
        gs.load_checkpoint(fresh, tmp_path)


@pytest.mark.parametrize("damage", ["states", "document", "all"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, damage):
    whole, end = made(Noisy(0), {}, "linear()", 80, 8)
    with pytest.raises(Killed):
        made(Noisy(0, kill=66), RunDirectory(tmp_path, SEARCH, checkpoint_every=0.0), "linear()", 80, 8)
    documents = sorted((tmp_path / "unfinished").glob("*[0-9].json"))
    assert len(documents) == 2
    damaged = {"states": [documents[-1].with_suffix(".npz")], "document": documents[-1:], "all": documents}[damage]
    for file in damaged:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    job = Noisy(0)
    with pytest.warns(UserWarning, match="is damaged"):
        run, state = made(job, RunDirectory(tmp_path, SEARCH, resume=True, checkpoint_every=0.0), "linear()", 80, 8)
    assert run == whole
    assert repr(state) == repr(end)
    assert (job.calls == 86) == (damage == "all")


@pytest.mark.filterwarnings("error")
def test_the_millionth_checkpoint_is_later_than_those_with_a_digit_less(tmp_path):
    place, stem = place_at(str(tmp_path)), f"{'a' * 16}-{'b' * 16}"
    (tmp_path / f"{stem}-999999.json").write_text("damaged")
    kept = checkpoints.Checkpoints(place, stem, "a run", 0.0, None, {"w": 0.0}, print)
    for made in (1, 2, 3):
        kept.save(Position(0, made, "", [], [], [], [], {}, 0, 1.0), {"job": {"w": float(made)}, "guard": None})
        position, content = kept.latest()
        assert (position.made, content["job"]) == (made, {"w": made})
    assert sorted(file.name[-12:] for file in tmp_path.glob("*.json")) == ["1000001.json", "1000002.json"]
    assert checkpoints.latest_positions(str(tmp_path), "a" * 16)["a run"].made == 3


def test_a_job_without_a_safe_state_warns_once_and_trains(tmp_path):
    class Custom:
        def __init__(self, w):
            self.w = w

    class Odd(Noisy):
        def state(self) -> dict:
            return {"rest": super().state(), "w": Custom(self.w.copy())}

        def restore(self, state: dict) -> None:
            super().restore(state["rest"])

    with pytest.warns(UserWarning, match=r"the job's state\['w'\] is a Custom") as caught:
        run, _ = made(Odd(0), RunDirectory(tmp_path, SEARCH, checkpoint_every=0.0), "linear()", 60, 2)
    assert len(run.losses) == 60
    assert len(caught) == 1
    assert not (tmp_path / "checkpoint").exists()


def test_other_memories_have_no_checkpoints_and_infinity_makes_none(tmp_path):
    memory: dict = {}
    made(Noisy(0), memory, "linear()", 30, 1)
    assert len(memory) == 1
    with pytest.raises(Killed):
        made(Noisy(0, kill=40), RunDirectory(tmp_path, SEARCH, checkpoint_every=float("inf")), "linear()", 60, 1)
    assert not (tmp_path / "unfinished").exists()


def test_accepted_changes_begin_unfinished_runs_anew(tmp_path):
    with pytest.raises(Killed):
        made(Noisy(0, kill=40), RunDirectory(tmp_path, SEARCH, checkpoint_every=0.0), "linear()", 60, 1)
    changed = RunDirectory(tmp_path, SEARCH | {"steps": 5}, resume=True, accept_changes=True, checkpoint_every=0.0)
    job = Noisy(0)
    made(job, changed, "linear()", 60, 1)
    assert job.calls == 6 + 60


class Pair(NamedTuple):
    """What Optax's states are."""

    count: object
    mean: object


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**130), 2**130), st.floats(), st.text(max_size=5), st.binary(max_size=5),
    st.complex_numbers(), st.builds(lambda values: np.array(values, np.float32), st.lists(st.floats(width=32))),
    st.builds(np.float64, st.floats()), st.builds(lambda n: np.arange(n).reshape(1, n).T, st.integers(0, 4)),
)  # fmt: skip
KEYS = st.one_of(st.text(max_size=3), st.integers(), st.tuples(st.integers(), st.text(max_size=2)))
TREES = st.recursive(LEAVES, lambda items: st.one_of(
    st.lists(items, max_size=3), st.tuples(items, items), st.dictionaries(KEYS, items, max_size=3),
    st.builds(OrderedDict, st.dictionaries(KEYS, items, max_size=2)), st.builds(Pair, items, items),
    st.builds(lambda items: defaultdict(dict, items), st.dictionaries(KEYS, items, max_size=2)),
), max_leaves=12)  # fmt: skip


@given(TREES)
@settings(max_examples=100, deadline=None)
def test_a_state_is_read_as_it_was_written(tmp_path_factory, state):
    file = tmp_path_factory.mktemp("state") / "state.npz"
    with file.open("wb") as out:
        states.write(state, states.form_of(state), out)
    assert same(read(file, state), state)


def read(file, like):
    with file.open("rb") as content:
        return states.read(content, file.suffix.removeprefix("."), like, str(file))


def same(one, other) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


def test_python_s_and_numpy_s_generators_are_plain():
    for generator in (random.Random(3).getstate(), np.random.get_state(), np.random.default_rng(0).bit_generator.state):
        arrays: dict = {}
        assert same(joined(taken_apart(generator, arrays), arrays, None), generator)


@pytest.mark.parametrize(
    "tensor",
    [lambda: torch.eye(3).to_sparse(), lambda: torch.ones(3, device="meta"),
     lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)],
)  # fmt: skip
def test_a_tensor_that_is_not_plain_is_named(tensor):
    with pytest.raises(gs.DocumentError, match=r"state\['w'\] is a \w+ of torch\.float32 and torch\.\w+"):
        taken_apart({"w": tensor()}, {})


def test_no_pickle_is_written_or_read(tmp_path):
    with pytest.raises(gs.DocumentError, match=r"state\['f'\] is a"):
        states.form_of({"f": lambda: 0})
    with pytest.raises(gs.DocumentError, match="array of object"):
        states.form_of(np.array([object()]))
    np.savez(tmp_path / "state.npz", state=np.array([{"a": 1}], dtype=object))
    with pytest.raises(gs.DocumentError, match="can't be read"):
        read(tmp_path / "state.npz", None)


KILLED = """
import sys, time, pathlib
sys.path.insert(0, {folder!r})
from test_checkpoints_job import job
from glideslope.search import tune
from glideslope.search.runs import checkpoints
from glideslope.search.runs.position import Position
from glideslope.search.runs.trial import Trial
from glideslope.search.directory.run_directory import RunDirectory
checkpoints.LEAST_SPACING = 0.0
out = pathlib.Path({out!r})
memory = RunDirectory(out, {search}, resume=out.exists(), checkpoint_every=0.01)
tuned = tune(job, 400, memory=memory)
print(tuned.peak, tuned.final_loss, repr(tuned.final.losses.tolist()), tuned.job.w.tolist())
"""


@pytest.mark.slow
def test_a_search_that_is_killed_at_random_ends_the_same(tmp_path):
    source = Path(__file__).read_text()
    noisy = source[source.index("class Noisy") : source.index("@pytest.fixture(autouse")]
    slow = noisy.replace("self.calls += 1", "self.calls += 1; time.sleep(self.pause)")
    (tmp_path / "test_checkpoints_job.py").write_text(
        "import time\nimport numpy as np\n" + slow + "\ndef job(seed):\n    return Slow(seed)\n"
        "class Slow(Noisy):\n    pause = 0.001\n"
    )
    texts = [KILLED.format(folder=str(tmp_path), out=str(tmp_path / name), search=SEARCH) for name in ("a", "b")]
    whole = subprocess.run([sys.executable, "-c", texts[0]], capture_output=True, text=True, check=True).stdout
    rng = random.Random(0)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", texts[1]], stdout=subprocess.DEVNULL) as process:
            time.sleep(rng.uniform(0.8, 1.5))
            os.kill(process.pid, signal.SIGKILL)
    ended = subprocess.run([sys.executable, "-c", texts[1]], capture_output=True, text=True, check=True).stdout
    assert ended == whole


def test_torch_s_states_are_torch_s_files(tmp_path):
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(), torch.nn.Linear(3, 1)
    )
    x = torch.randn(40, 2)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
    make = lambda: gs.torch.Job(  # noqa: E731
        model, torch.optim.Adam(model.parameters()), torch.nn.MSELoss(), loader, loader
    )
    job = make()
    start = job.state()
    whole, end = made(job, {}, "linear()", 60, 4)
    job.restore(start)
    kill = iter(range(10**9))

    def killed(step):
        return lambda lr: (_ for _ in ()).throw(Killed) if next(kill) == 45 else step(lr)

    job.step = killed(job.step)
    with pytest.raises(Killed):
        made(job, RunDirectory(tmp_path, SEARCH, checkpoint_every=0.0), "linear()", 60, 4)
    assert list((tmp_path / "unfinished").glob("*.pt"))
    job = make()
    job.restore(start)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory = RunDirectory(tmp_path, SEARCH, resume=True, checkpoint_every=0.0)
        run, state = made(job, memory, "linear()", 60, 4)
    assert run == whole
    stored = torch.load(tmp_path / "checkpoint/state.pt", weights_only=True)
    for one in (state, stored):
        assert all(torch.equal(one["model"][name], value) for name, value in end["model"].items())


def test_a_killed_jax_training_goes_on_to_the_same_end(tmp_path):
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=0.1)

    def update(params, opt_state, batch, lr):
        inner, key = opt_state
        key, drawn = jax.random.split(key)
        noise = 0.1 * jax.random.normal(drawn, batch[1].shape)
        loss, gradient = jax.value_and_grad(lambda w: jax.numpy.mean((batch[0] @ w - batch[1] - noise) ** 2))(params)
        inner.hyperparams["learning_rate"] = jax.numpy.asarray(lr)
        changes, inner = optimizer.update(gradient, inner, params)
        return optax.apply_updates(params, changes), (inner, key), loss

    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    data = gs.jax.Batches((x, x.sum(1)), batch_size=8)

    def job():
        params = jax.numpy.zeros(3)
        state = optimizer.init(params), jax.random.key(5)
        return gs.jax.Job(params, state, update, data, lambda w: jax.numpy.mean((w - 1) ** 2))

    whole, end = made(job(), {}, "linear()", 60, 3)
    killed = job()
    step, calls = killed.step, iter(range(10**9))
    killed.step = lambda lr: (_ for _ in ()).throw(Killed) if next(calls) == 50 else step(lr)
    with pytest.raises(Killed):
        made(killed, RunDirectory(tmp_path, SEARCH, checkpoint_every=0.0), "linear()", 60, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory = RunDirectory(tmp_path, SEARCH, resume=True, checkpoint_every=0.0)
        run, state = made(job(), memory, "linear()", 60, 3)
    assert run == whole
    assert (state["params"] == end["params"]).all()
    assert jax.tree.structure(state) == jax.tree.structure(end)


def test_the_guard_s_answers_are_the_same_after_a_kill(tmp_path):
    schedule = "hold() * guard(every=7, rest=5)"
    whole, _ = made(Noisy(0, jump=50), {}, schedule, 80, 4)
    assert whole.events
    for kill in (57, 62, 75):
        memory = RunDirectory(tmp_path, SEARCH, resume=kill > 57, checkpoint_every=0.0)
        with suppress(Killed):
            made(Noisy(0, kill, jump=50), memory, schedule, 80, 4)
    run, _ = made(Noisy(0, jump=50), RunDirectory(tmp_path, SEARCH, resume=True, checkpoint_every=0.0), schedule, 80, 4)
    assert run == whole


class Rising(Noisy):
    """Its training loss is ten times as high for a while."""

    def step(self, lr: float) -> float:
        return super().step(lr) * (10 if 40 < self.made <= 50 else 1)


def test_a_run_backs_off_as_it_would_have_after_a_kill(tmp_path):
    whole, end = made(Rising(0), {}, "hold()", 80, 8)
    assert [(event.update, event.back_to) for event in whole.events] == [(49, 40)]
    for kill in (42, 57, 75):
        memory = RunDirectory(tmp_path, SEARCH, resume=kill > 42, checkpoint_every=0.0)
        with suppress(Killed):
            made(Rising(0, kill), memory, "hold()", 80, 8)
    run, state = made(Rising(0), RunDirectory(tmp_path, SEARCH, resume=True, checkpoint_every=0.0), "hold()", 80, 8)
    assert run == whole
    assert repr(state) == repr(end)


class Lost(Noisy):
    """Its twelfth training loss isn't finite."""

    def step(self, lr: float) -> float:
        loss = super().step(lr)
        return np.nan if self.made == 12 else loss


def test_a_run_of_parts_too_short_to_be_read_is_lost_as_it_would_have_been_after_a_kill(tmp_path):
    whole, _ = made(Lost(0), {}, "hold()", 32, 8)
    assert (whole.final_loss, whole.events) == (np.inf, ())
    with suppress(Killed):
        made(Lost(0, 15), RunDirectory(tmp_path, SEARCH, checkpoint_every=0.0), "hold()", 32, 8)
    run, _ = made(Lost(0), RunDirectory(tmp_path, SEARCH, resume=True, checkpoint_every=0.0), "hold()", 32, 8)
    assert run == whole


class Dying(Noisy):
    """It is lost for good at a high rate, and its training loss tells so ten updates later."""

    dead = 0

    def step(self, lr: float) -> float:
        self.dead += self.dead > 0 or (lr > 0.05 and self.made >= 35)
        return super().step(lr) * (10 if self.dead > 10 else 1)

    def evaluate(self) -> float:
        return 100.0 if self.dead else super().evaluate()

    def state(self) -> dict:
        return {**super().state(), "dead": self.dead}

    def restore(self, state: dict) -> None:
        super().restore(state)
        self.dead = state["dead"]


@pytest.mark.parametrize("kill", [38, 45, 55, 75, 85, 110])
def test_a_run_goes_back_further_as_it_would_have_after_a_kill(kill, tmp_path):
    whole, end = made(Dying(0), {}, "hold()", 160, 16)
    assert [event.back_to for event in whole.events[:2]] == [
        40,
        10,
    ]  # of 16 parts the first and the fourth are measured
    with suppress(Killed):
        made(Dying(0, kill), RunDirectory(tmp_path, SEARCH, checkpoint_every=0.0), "hold()", 160, 16)
    run, state = made(Dying(0), RunDirectory(tmp_path, SEARCH, resume=True, checkpoint_every=0.0), "hold()", 160, 16)
    assert run == whole
    assert repr(state) == repr(end)


def test_a_file_of_tensors_is_of_another_job_where_torch_is_not_loaded(tmp_path, monkeypatch):
    with open(tmp_path / "state.pt", "wb") as file:
        states.write({"weight": torch.ones(2)}, "pt", file)
    assert read(tmp_path / "state.pt", {"weight": torch.zeros(2)})["weight"].tolist() == [1.0, 1.0]
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(gs.DocumentError, match=r"state\.pt holds torch's tensors"):
        read(tmp_path / "state.pt", {"weight": [0.0, 0.0]})


@pytest.mark.parametrize("call", ["ls", "rm_file", "makedirs", "_open"])
@pytest.mark.filterwarnings("ignore:this run can't be checkpointed", "ignore:no checkpoint can be read")
@pytest.mark.filterwarnings("ignore:checkpoints that aren't needed any more")
def test_a_place_of_checkpoints_that_goes_away_costs_the_checkpoints_alone(call, tmp_path, monkeypatch):
    """A service fails from a call on; one that can't be reached at first is refused, and the folder is left empty."""
    from fsspec.implementations.memory import MemoryFileSystem

    monkeypatch.setattr("glideslope.search.runs.checkpoints.LEAST_SPACING", 0.0)
    works, calls, least = getattr(MemoryFileSystem, call), 0, 20

    def fails(*args, **options):
        nonlocal calls
        calls += 1
        if calls > least:
            raise ConnectionError("the service is away")
        return works(*args, **options)

    monkeypatch.setattr(MemoryFileSystem, call, fails)
    place = f"memory://away/{call}"
    directory = RunDirectory(tmp_path / "out", {}, checkpoint_every=0.0, checkpoints=place)
    assert gs.race(Noisy, ["linear"], 60, [0.1, 0.3], memory=directory) == gs.race(Noisy, ["linear"], 60, [0.1, 0.3])
    assert calls > least
    least = 0
    if call == "ls":
        directory = RunDirectory(tmp_path / "other", {}, checkpoints=place)
        with pytest.raises(gs.GlideslopeError, match="away/ls can't be reached: the service is away"):
            gs.race(Noisy, ["linear"], 60, [0.1], memory=directory)
        assert not (tmp_path / "other").exists()
