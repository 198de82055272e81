"""What a user takes away from a search: the trained network, and lines that put a training on its schedule."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs
from glideslope.averages import Average
from glideslope.frameworks.networks import network
from glideslope.frameworks.pasted import lines_to_paste
from glideslope.policy import as_policy
from glideslope.search import Contestant

CURVES = [
    "one_cycle()", "warmup(5%) >> linear()", "cosine()", "constant()",
    "warmup(10) >> hold() >> cooldown(20%, shape=sqrt)",
    "polynomial(2)", "step(every=7, ratio=0.5)", "hold(30%) >> linear(final=0.1)", "inverse_sqrt(5)",
]  # fmt: skip


class Tied(nn.Module):
    """A language model in small: the embeddings are also the head; one buffer is a view of another."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm, self.head = nn.Embedding(7, 4), nn.BatchNorm1d(4), nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("whole", torch.arange(6.0))
        self.register_buffer("part", self.whole[:3])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.embedding(x)))


def tied_job(model: nn.Module | None = None, optimizer=None) -> gs.torch.Job:
    torch.manual_seed(0)
    model = model or Tied()
    x = torch.randint(7, (32,))
    loader = DataLoader(TensorDataset(x, (x + 1) % 7), batch_size=8, shuffle=True)
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    return gs.torch.Job(model, optimizer, nn.CrossEntropyLoss(), loader, loader)


def saved(job, tmp_path) -> str:
    trained = network(job)
    with (tmp_path / "model.safetensors").open("wb") as file:
        trained.write(file)
    return trained.loading.format(file=str(tmp_path / "model.safetensors"))


def load(line: str, **names):
    import safetensors.flax
    import safetensors.numpy
    import safetensors.torch

    names |= {"safetensors": safetensors, "jax": sys.modules.get("jax")}
    exec(line, names)
    return names


def test_a_network_with_tied_weights_comes_back(tmp_path):
    job = tied_job()
    for _ in range(20):
        job.step(0.5)
    loss = job.evaluate()
    other = tied_job()
    load(saved(job, tmp_path), model=other.model)
    assert other.evaluate() == pytest.approx(loss, rel=1e-6)
    assert other.model.head.weight is other.model.embedding.weight
    assert torch.equal(other.model.whole, job.model.whole)


def test_views_of_memory_that_no_weight_has_whole_come_back(tmp_path):
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            both = torch.randn(2, 7, 7)
            self.one, self.other = nn.Parameter(both[0]), nn.Parameter(both[1])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.one[x] @ self.other

    job = tied_job(Views())
    job.step(0.5)
    other = tied_job(Views())
    load(saved(job, tmp_path), model=other.model)
    assert other.evaluate() == pytest.approx(job.evaluate(), rel=1e-6)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_averaged_weights_are_what_is_saved(tmp_path, kind):
    job = tied_job()
    job.average(kind, 0.9)
    for _ in range(20):
        job.step(0.5)
    loss = job.evaluate_average()
    assert loss != job.evaluate()
    other = tied_job()
    load(saved(job, tmp_path), model=other.model)
    assert other.evaluate() == pytest.approx(loss, rel=1e-6)


def test_a_schedule_free_optimizer_s_evaluated_weights_are_saved_and_it_trains_on(tmp_path):
    pytest.importorskip("schedulefree")
    jobs = []
    for _ in range(2):
        model = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 7))
        jobs.append(tied_job(model, gs.torch.automatic("schedule-free", model.parameters())))
    start = jobs[0].state()
    losses = [[float(jobs[0].step(0.5)) for _ in range(20)]]
    loss = jobs[0].evaluate()
    jobs[0].restore(start)
    losses.append([])
    for i in range(20):
        losses[1].append(float(jobs[0].step(0.5)))
        line = saved(jobs[0], tmp_path) if i in (3, 19) else ""
    assert losses[0] == losses[1]
    plain = tied_job(nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 7)))
    load(line, model=plain.model)
    assert plain.evaluate() == pytest.approx(loss, rel=1e-6)


def test_jax_s_parameters_come_back(tmp_path):
    jax = pytest.importorskip("jax")
    params = {
        "dense": [{"w": jax.numpy.arange(6.0).reshape(2, 3)}, jax.numpy.ones(3, "bfloat16")],
        "n": jax.numpy.zeros(()),
    }
    data = gs.jax.Batches((np.ones((4, 2)),), batch_size=2)
    job = gs.jax.Job(params, (), lambda p, s, batch, lr: (p, s, 0.0), data, lambda p: 0.0)
    empty = jax.tree.map(jax.numpy.zeros_like, params)
    read = load(saved(job, tmp_path), params=empty)["params"]
    assert jax.tree.structure(read) == jax.tree.structure(params)
    assert all(
        a.dtype == b.dtype and (a == b).all() for a, b in zip(*map(jax.tree.leaves, (read, params)), strict=True)
    )


def test_a_keras_model_comes_back(tmp_path):
    keras = pytest.importorskip("keras")

    def model():
        layers = [keras.Input((2,)), keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
        made = keras.Sequential(layers)
        made.compile(keras.optimizers.SGD(0.1), "mse")
        return made

    x, y = np.random.default_rng(0).normal(size=(8, 2)).astype("float32"), np.ones((8, 1), "float32")
    job, other = (gs.keras.Job(model(), gs.keras.Batches((x, y), batch_size=4), (x, y)) for _ in range(2))
    for _ in range(5):
        job.step(0.1)
    load(saved(job, tmp_path), model=other.model)
    assert other.evaluate() == job.evaluate()


@given(st.sampled_from(CURVES), st.floats(1e-6, 10), st.integers(16, 60), st.sampled_from([1.0, 0.5, 0.1]),
       st.booleans())  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_pasted_torch_line_gives_the_rates_of_the_full_run(text, peak, steps, share, at_peak):
    contestant = Contestant(gs.parse(text), peak)
    weights = [nn.Parameter(torch.zeros(())) for _ in range(2)]
    base = peak if at_peak else 0.3
    groups = [{"params": weights[:1], "lr": base}, {"params": weights[1:], "lr": base * share}]
    optimizer = torch.optim.SGD(groups, lr=base)
    scope = {"gs": gs, "optimizer": optimizer}
    exec(lines_to_paste(tied_job(), contestant, steps)[0], scope)
    rates = []
    for _ in range(steps):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scope["scheduler"].step()
    first, second = np.array(rates).T
    if at_peak:
        assert first.tolist() == contestant.rates(steps).tolist()
    last_bit = 5e-16  # base times (peak over base) is rounded
    np.testing.assert_allclose(first, contestant.rates(steps), rtol=last_bit, atol=0)
    np.testing.assert_allclose(second, contestant.rates(steps) * share, rtol=last_bit, atol=0)


@given(st.sampled_from(CURVES), st.floats(1e-6, 10), st.integers(16, 60))
@settings(max_examples=20, deadline=None)
def test_the_pasted_line_of_a_job_of_one_s_own_gives_the_rates(text, peak, steps):
    contestant = Contestant(gs.parse(text), peak)
    scope = {"gs": gs}
    exec(lines_to_paste(object(), contestant, steps)[0], scope)
    np.testing.assert_allclose(scope["rates"], contestant.rates(steps), rtol=1e-12, atol=1e-300)


def test_the_lines_for_trainers_are_theirs():
    pytest.importorskip("transformers")
    lines = lines_to_paste(tied_job(), Contestant(gs.parse("one_cycle()"), 0.024), 1500)
    trainer = next(line for line in lines if "Trainer" in line)
    callback = eval(trainer.partition("callbacks=[")[2].partition("]")[0], {"gs": gs})
    assert (callback.schedule, callback.options) == ("one_cycle()", {"steps": 1500, "peak": 0.024})
    assert 'gs.lightning.scheduled(self, optimizer, "one_cycle()", steps=1500, peak=0.024)' in "\n".join(lines)
    assert lines[0].startswith('scheduler = gs.torch.Scheduler(optimizer, "one_cycle()", steps=1500, peak=0.024)')


def test_the_lines_name_what_else_the_training_had():
    guarded = Contestant(gs.cosine() * gs.guard() * gs.plateau(), 0.1, "adagrad", Average.read("ema(0.9)"))
    text = "\n".join(lines_to_paste(tied_job(), guarded, 10))
    for part in ("gs.torch.Guard(model, scheduler)", "scheduler.measure(", '"adagrad"', "ema(0.9)"):
        assert part in text
    growing = Contestant(as_policy("cosine() * growth(base=8)").value, 0.1)
    scope = {"gs": gs, "optimizer": torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0), "data": range(100)}
    for line in lines_to_paste(tied_job(), growing, 40):
        exec(line, scope)
    assert scope["optimizer"].param_groups[0]["lr"] == growing.rates(40)[0]
    for line in lines_to_paste(object(), growing, 40):
        exec(line, scope)
    np.testing.assert_array_equal(scope["rates"], growing.rates(40))
    np.testing.assert_array_equal(scope["sizes"], growing.controls(40)["batch_size"])
    assert lines_to_paste(tied_job(), Contestant(gs.from_function(lambda t: 1.0), 0.1), 10) == []


def test_the_lines_that_jax_and_keras_take():
    optax, keras = pytest.importorskip("optax"), pytest.importorskip("keras")
    contestant = Contestant(gs.parse("one_cycle()"), 0.024)
    job = gs.jax.Job({}, (), lambda *_: None, lambda t: None, lambda p: 0.0)
    (line,) = lines_to_paste(job, contestant, 40)
    scope = {"gs": gs, "optax": optax}
    exec(line, scope)
    rate = eval(line.partition("adamw(")[2].partition(")  #")[0], scope)
    np.testing.assert_allclose([float(rate(t)) for t in range(40)], contestant.rates(40), rtol=1e-12)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    x = np.ones((4, 1), "float32")
    job = gs.keras.Job(model, gs.keras.Batches((x, x), batch_size=2), (x, x))
    (line,) = lines_to_paste(job, contestant, 40)
    scheduler = eval(line.partition("callbacks=[")[2].partition("]")[0], {"gs": gs})
    assert (scheduler.peak, scheduler.steps) == (0.024, 40)


JOB = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import glideslope as gs
def job(seed):
    torch.manual_seed(seed)
    x = torch.randn(64, 3)
    data = TensorDataset(x, x @ torch.tensor([[1.0], [2.0], [3.0]]))
    model = nn.Linear(3, 1)
    loader = DataLoader(data, batch_size=8, shuffle=True)
    return gs.torch.Job(model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), loader, loader)
"""


@pytest.mark.slow
def test_tune_leaves_the_network_and_says_how_to_load_it(tmp_path):
    (tmp_path / "linear.py").write_text(JOB)

    def tune(*options):
        command = [sys.executable, "-c", "from glideslope.cli import main; main()", "tune", "linear.py:job", "--steps",
                   "60", "--out", "out", "--json", *options]  # fmt: skip
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = tune("--against-constant")
    assert done.returncode == 0, done.stderr
    assert "To compare with, 4 to 8 full runs of constant rates: 240 to 480 updates, about" in done.stderr
    result = json.loads(done.stdout)
    names = {"gs": gs}
    exec(JOB, names)
    job = names["job"](1)
    load(result["load"][0], model=job.model)
    assert job.evaluate() == pytest.approx(result["final_loss"], abs=1e-9)
    other = names["job"](2)
    exec(result["load"][1], {"gs": gs, "job": other})
    assert other.evaluate() == pytest.approx(result["final_loss"], abs=1e-9)
    assert result["paste"][0].startswith("scheduler = gs.torch.Scheduler(optimizer, ")
    network = (tmp_path / "out/model.safetensors").read_bytes()
    again = tune("--against-constant", "--resume")
    assert json.loads(again.stdout) == result
    assert (tmp_path / "out/model.safetensors").read_bytes() == network
    (tmp_path / "out/model.safetensors").write_bytes(b"mine")
    for option in ("--resume", "--overwrite"):
        refused = tune(option)
        assert refused.returncode == 2
        assert "model.safetensors isn't as a search wrote it" in refused.stderr
    assert (tmp_path / "out/model.safetensors").read_bytes() == b"mine"
    assert "not a time" in tune("--overwrite", "--checkpoint-every", "soon").stderr


def test_other_numbers_of_the_optimizer_are_said_beside_the_lines():
    contestant = Contestant(gs.linear(), 0.1, settings=(("momentum", 0.95), ("weight_decay", 0.02)))
    *_, momentum, decay = lines_to_paste(tied_job(), contestant, 100)
    assert momentum.startswith("# with momentum=0.95 in the optimizer, or the first of betas")
    assert decay.startswith("# with weight_decay=0.02 in the optimizer")
