"""Jobs of several processes: the answer is that of one process with all of the data, on workers too."""

import os
import signal

import pytest

import glideslope as gs
from glideslope.search import load_job
from glideslope.search.executors.processes import processes
from glideslope.search.storage import states

JOB = """
import collections
import copy
import os
import typing
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

class Parallel:
    '''A linear regression, each rank with its half of each batch.'''
    def __init__(self, seed):
        torch.set_num_threads(1)
        if not dist.is_initialized():
            dist.init_process_group("gloo")
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        torch.manual_seed(seed)
        self.model = torch.nn.Linear(4, 1).double()
        self.ddp = DistributedDataParallel(self.model)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.x = torch.randn(64, 4, dtype=torch.float64)
        self.y = self.x @ torch.arange(4.0, dtype=torch.float64)[:, None]
        self.at = 0
    def step(self, lr):
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        first = self.at % 8 * 8
        rows = slice(first + self.rank * 8 // self.world, first + (self.rank + 1) * 8 // self.world)
        self.optimizer.zero_grad()
        loss = ((self.ddp(self.x[rows]) - self.y[rows]) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        self.at += 1
        loss = loss.detach()
        dist.all_reduce(loss)
        return loss / self.world
    def evaluate(self):
        with torch.no_grad():
            return float(((self.model(self.x) - self.y) ** 2).mean())
    def state(self):
        return {"model": {k: v.clone() for k, v in self.model.state_dict().items()}, "at": self.at, "rank": self.rank}
    def restore(self, state):
        assert state["rank"] == self.rank
        self.model.load_state_dict(state["model"])
        self.at = state["at"]

def job(seed):
    return Parallel(seed)

job.processes = PROCESSES

class Moments(typing.NamedTuple):
    of: dict

class Sharded(Parallel):
    def __init__(self, seed):
        super().__init__(seed)
        self.model = self.ddp = fully_shard(torch.nn.Linear(4, 1).double(), mesh=init_device_mesh("cpu", (self.world,)))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.1)
    def state(self):
        moments = Moments(collections.defaultdict(dict, self.optimizer.state_dict()["state"]))
        return copy.deepcopy({"rank": self.rank, "at": self.at, "model": self.model.state_dict(),
                              "optimizer": self.optimizer.state_dict(), "also": moments})
    def restore(self, state):
        super().restore(state)
        assert [type(state[key]) for key in ("model", "also")] == [collections.OrderedDict, Moments]
        assert type(state["also"].of) is collections.defaultdict
        assert repr(state["also"].of) == repr(collections.defaultdict(dict, state["optimizer"]["state"]))
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))

def sharded(seed):
    return Sharded(seed)

sharded.processes = PROCESSES

def failing(seed):
    if os.environ["RANK"] == "1":
        raise RuntimeError("boom")
    return Parallel(seed)

failing.processes = 2

def wrong(seed):
    return Parallel(seed)

wrong.processes = "two"
"""


def job(folder, number, name="job"):
    file = folder / f"ranks_{number}.py"
    file.write_text(JOB.replace("PROCESSES", str(number)))
    return load_job(f"{file}:{name}")


@pytest.mark.slow
def test_two_processes_of_gloo_train_as_one_and_restore_together(tmp_path, monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}.items():
        monkeypatch.setenv(name, value)
    alone, two = job(tmp_path, 1)(0), job(tmp_path, 2)(0)
    assert type(two.optimizer).__name__ == "SGD"
    start = two.state()
    losses = [(alone.step(0.05), two.step(0.05)) for _ in range(12)]
    assert [float(one) for one, _ in losses] == pytest.approx([other for _, other in losses], rel=1e-12)
    assert two.evaluate() == pytest.approx(alone.evaluate(), rel=1e-12)
    middle = two.state()
    after = [two.step(0.05) for _ in range(5)]
    two.restore(start)
    assert [two.step(0.05) for _ in range(12)] == [other for _, other in losses]
    two.restore(middle)
    assert [two.step(0.05) for _ in range(5)] == after
    with pytest.raises(gs.JobError, match="a state of 1 process, and the job has 2"):
        two.restore({"ranks": start["ranks"][:1]})
    os.kill(two._processes[1].pid, signal.SIGKILL)
    with pytest.raises(gs.JobError, match=r"rank \d of 2"):
        [two.step(0.05) for _ in range(50)]


@pytest.mark.slow
def test_a_sharded_model_trains_as_one_and_its_state_goes_through_a_file(tmp_path, monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29513"}.items():
        monkeypatch.setenv(name, value)
    alone, two = job(tmp_path, 1, "sharded")(0), job(tmp_path, 2, "sharded")(0)
    losses = [(alone.step(0.05), two.step(0.05)) for _ in range(12)]
    assert [float(one) for one, _ in losses] == pytest.approx([other for _, other in losses], rel=1e-9)
    middle = two.state()
    after = [two.step(0.05) for _ in range(5)]
    form = states.form_of(middle)
    with (tmp_path / "state").open("wb") as file:
        states.write(middle, form, file)
    other = job(tmp_path, 2, "sharded")(0)  # has made no state but its first
    with (tmp_path / "state").open("rb") as file:
        other.restore(states.read(file, form, other.state(), "state"))
    assert [other.step(0.05) for _ in range(5)] == after


@pytest.mark.slow
def test_a_search_of_jobs_of_two_processes_on_a_worker(tmp_path):
    two = job(tmp_path, 2)
    with processes(1) as executor:
        race = gs.race(two, ["linear"], 20, [0.05], executor=executor)
    assert race == gs.race(two, ["linear"], 20, [0.05])


@pytest.mark.slow
def test_a_rank_that_fails_is_named(tmp_path):
    with pytest.raises(gs.JobError, match=r"rank 1 of 2: .*boom"):
        job(tmp_path, 2, "failing")(0)
    with pytest.raises(gs.JobError, match="has processes = 'two'"):
        job(tmp_path, 2, "wrong")(0)
