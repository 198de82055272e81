"""Searches on workers: efficiency, overhead, the driver's memory, faults, and a thousand simulated workers.

    python benchmarks/cluster.py --quick     a few minutes
    python benchmarks/cluster.py             64 trials of 2 s, 10,000 trials for the memory, 130 faults; about an hour
    python benchmarks/cluster.py --nodes 10  only ten searches of which a node of Ray is killed; minutes

Each trial is a run of a job that sleeps or computes for a fixed time. Ideal is the time of the trials over the number
of workers. The simulated workers have a clock of their own: a round of trials takes as long as the last of them.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import glideslope as gs
from glideslope.search import Contestant, load_job
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.executors.processes import processes
from glideslope.search.runs.trial import Trial
from glideslope.search.trials import Trials

QUADRATIC = (Path(__file__).parents[1] / "tests/search/quadratic_jobs.py").read_text()
JOB = f"""{QUADRATIC}
import time

class Sleeping(Quadratic):
    def step(self, lr):
        time.sleep(SECONDS)
        return super().step(lr)

class Working(Quadratic):
    def step(self, lr):
        for _ in range(SUMS):
            np.sin(np.arange(1000.0)).sum()
        return super().step(lr)

class Noted(Sleeping):
    def step(self, lr):
        with Path(__file__).with_name("pids").open("a") as file:
            print(os.getpid(), file=file)
        return super().step(lr)

def sleeping(seed): return Sleeping(seed)
def noted(seed): return Noted(seed)
def working(seed): return Working(seed)
"""
UPDATES = 20
"""Of each trial."""


def written(folder: Path, seconds: float) -> Path:
    """The file of the jobs, whose trials take so many seconds."""
    file = folder / "jobs.py"
    file.write_text(JOB.replace("SECONDS", repr(seconds / UPDATES)).replace("SUMS", str(int(seconds / UPDATES / 2e-5))))
    return file


def planned(number: int) -> list[Trial]:
    return [Trial(Contestant(gs.linear(), 0.001 * (i + 1)), UPDATES, 0) for i in range(number)]


def seconds_of(job: Any, trials: list[Trial], executor: Executor | None) -> float:
    """The time of a round of trials, on workers that have started."""
    search = Trials(job, executor=executor)
    began = time.perf_counter()
    search.run_all(trials, stage="trials")
    return time.perf_counter() - began


def efficiency(file: Path, kind: str, workers: int, trials: int) -> float:
    """The ideal time over the measured one, on processes that have started."""
    job = load_job(f"{file}:{kind}")
    one = seconds_of(job, planned(2), None) / 2
    with processes(workers) as executor:
        warm = Trials(job, executor=executor)
        warm.run_all([Trial(Contestant(gs.linear(), 1.0 + i), UPDATES, 0) for i in range(workers)], stage="warm")
        began = time.perf_counter()
        warm.run_all(planned(trials), stage="trials")
        took = time.perf_counter() - began
    ideal = one * -(-trials // workers)
    return ideal / took


def overhead(file: Path, trials: int, executor: Executor) -> float:
    """The milliseconds that a trial of nearly no work takes on one worker, less what it takes in this process."""
    job = load_job(f"{file}:job")
    here = seconds_of(job, planned(trials), None)
    search = Trials(job, executor=executor)
    search.run_all([Trial(Contestant(gs.linear(), 1.0), UPDATES, 0)], stage="warm")
    began = time.perf_counter()
    search.run_all(planned(trials), stage="trials")
    return (time.perf_counter() - began - here) / trials * 1000


def memory_over(file: Path, trials: int) -> list[float]:
    """The memory of this process in MB after each quarter of so many trials, in rounds of 50."""
    job, sizes = load_job(f"{file}:job"), []
    with ThreadPoolExecutor(2) as executor:
        for part in range(4):
            for start in range(part * trials // 4, (part + 1) * trials // 4, 50):
                plan = [Trial(Contestant(gs.linear(), 1e-4 * (start + i + 1)), UPDATES, 0) for i in range(50)]
                Trials(job, executor=executor).run_all(plan, stage="trials")
            sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)
    return sizes


PEAKS = [0.1, 0.2, 0.3]


def workers_killed(file: Path, searches: int, seed: int) -> Counter[str]:
    """Searches of which a worker is killed at a random moment: how many answers, results and counts are wrong."""
    job, chance, faults = load_job(f"{file}:sleeping"), random.Random(seed), Counter[str]()
    whole = gs.race(job, ["linear"], UPDATES, PEAKS)
    for _ in range(searches):
        after = chance.uniform(0.2, 2.5)
        with processes(2) as executor:
            faults.update(searched(job, whole, executor, lambda after=after: _kill_a_child(after)))
    return faults


def searched(job: Any, whole: gs.search.Race, executor: Executor, kill: Callable[[], bool]) -> Counter[str]:
    """The faults of a search during which something is killed.

    Args:
        job: of the search.
        whole: its right result.
        executor: its workers.
        kill: is called as the search begins; says whether it killed something.
    """
    with tempfile.TemporaryDirectory() as out, ThreadPoolExecutor(1) as killer:
        memory = RunDirectory(Path(out) / "out", {"command": "race"}, checkpoint_every=0.05)
        killed = killer.submit(kill)
        race = gs.race(job, ["linear"], UPDATES, PEAKS, executor=executor, memory=memory)
        return counted(
            killed=killed.result(), wrong=race != whole, lost=len(memory) != 6, twice=race.updates != whole.updates
        )


def counted(killed: int, wrong: bool, lost: bool, twice: bool) -> Counter[str]:
    """What went wrong in one search."""
    return Counter(
        {"searches": 1, "killed": +killed, "wrong answers": +wrong, "lost results": +lost, "double counts": +twice}
    )


def nodes_killed(file: Path, searches: int, seed: int, seconds: float) -> Counter[str]:
    """Searches on a Ray cluster of two nodes, one of which is killed in the first of its runs, of so many seconds."""
    from ray.cluster_utils import Cluster

    job, pids, chance, faults = load_job(f"{file}:noted"), file.with_name("pids"), random.Random(seed), Counter[str]()
    whole = gs.race(job, ["linear"], UPDATES, PEAKS)
    options = {"num_cpus": 1, "object_store_memory": 10**8}
    cluster = Cluster(initialize_head=True, head_node_args={**options, "include_dashboard": False})
    try:
        with gs.ray.executor(cluster.address) as executor:
            for _ in range(searches):
                node, after = cluster.add_node(**options), chance.uniform(0.0, seconds)
                while len({future.result() for future in [executor.submit(_pid) for _ in range(2)]}) < 2:
                    pass  # until a process has started on each node
                pids.write_text("")

                def kill(node: Any = node, after: float = after) -> bool:
                    killed = _wait_for_two(pids)
                    time.sleep(after)
                    cluster.remove_node(node, allow_graceful=False)
                    return killed

                faults.update(searched(job, whole, executor, kill))
                print(dict(faults), flush=True)
    finally:
        cluster.shutdown()
    return faults


def _pid() -> int:
    """The number of this process, after a while."""
    time.sleep(0.5)
    return os.getpid()


def _wait_for_two(pids: Path) -> bool:
    """Waits until two processes besides this one have made updates, by their numbers in a file; whether they have."""
    for _ in range(3600):
        if len({*pids.read_text().split()} - {str(os.getpid())}) == 2:
            return True
        time.sleep(0.05)
    return False


def _kill_a_child(after: float) -> bool:
    """Kills a worker of this process; whether there was one."""
    time.sleep(after)
    listed = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "pid=,args="], capture_output=True, text=True, check=False
    )
    pids = [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]
    if not pids:
        return False
    with suppress(ProcessLookupError):
        os.kill(random.choice(pids), signal.SIGKILL)
        return True
    return False


def drivers_killed(file: Path, searches: int, seed: int) -> Counter[str]:
    """Searches whose driver is killed at random moments and resumed until it ends."""
    chance, faults, whole = random.Random(seed), Counter[str](), None
    command = [sys.executable, "-c", "from glideslope.cli import main; main()", "race", f"{file}:sleeping", "--peaks",
               "0.1,0.2,0.3", "--schedules", "linear", "--steps", str(UPDATES), "--workers", "2", "--json"]  # fmt: skip
    for number in range(searches + 1):
        with tempfile.TemporaryDirectory() as folder:
            out, killed = Path(folder) / "out", 0
            while True:
                resume = ["--resume"] if (out / "search.json").exists() else []
                process = subprocess.Popen(
                    [*command, "--out", str(out), *resume], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
                try:
                    text, _ = process.communicate(timeout=chance.uniform(2.0, 6.0) if number and killed < 2 else 120)
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    killed += 1
            result = json.loads(text)
            answer = result["candidates"], result["constant"]
            whole = whole or (answer, result["search_updates"])
            if number:
                lost = len(list((out / "finished").iterdir())) != 6
                faults.update(counted(killed, answer != whole[0], lost, result["search_updates"] != whole[1]))
    return faults


class Simulated(Executor):
    """Workers with a clock of their own: a trial takes a random time, some take ten times as long, some are lost.

    A call is made when its result is asked for; its future ends in the order of the simulated clock.

    Args:
        workers: how many.
        seed: of the times.
        straggling: the part of trials that take ten times as long.
        failing: the part of trials whose worker is lost half-way.
    """

    def __init__(self, workers: int, seed: int, straggling: float, failing: float) -> None:
        self.free, self.random = [0.0] * workers, random.Random(seed)
        self.straggling, self.failing = straggling, failing
        self.busy = 0.0
        self.lost: dict[str, float] = {}
        self.waiting: list[tuple[float, int, Callable[[], None]]] = []
        self.pool = ThreadPoolExecutor(1)
        self.number = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        seconds = self.random.lognormvariate(0.0, 0.2) * (10.0 if self.random.random() < self.straggling else 1.0)
        key = args[0].trial.key
        lost = key not in self.lost and self.random.random() < self.failing
        begins = max(heapq.heappop(self.free), self.lost.get(key, 0.0))
        ends = begins + (0.5 * seconds if lost else seconds)
        heapq.heappush(self.free, ends)
        self.busy += ends - begins

        if lost:
            self.lost[key] = ends

        def end() -> None:
            if lost:
                future.set_exception(BrokenExecutor("a worker is lost"))
            else:
                future.set_result(function(*args, **options))

        heapq.heappush(self.waiting, (ends, self.number, end))
        self.number += 1
        self.pool.submit(self._next)
        return future

    def _next(self) -> None:
        heapq.heappop(self.waiting)[2]()


def simulated(file: Path, workers: int, trials: int, straggling: float, failing: float) -> tuple[float, float]:
    """The simulated time of a round over the ideal (all work evenly spread), and the time over the longest trial's."""
    job = load_job(f"{file}:job")
    executor = Simulated(workers, 0, straggling, failing)
    search = Trials(job, executor=executor)
    runs = search.run_all(planned(trials), stage="trials")
    assert len(runs) == trials
    assert search.updates - sum(run.cost for run in runs) < 10
    executor.pool.shutdown()
    return max(executor.free) / (executor.busy / workers), max(executor.free)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--nodes", type=int, metavar="N", help="only N searches of which a node of Ray is killed")
    arguments = parser.parse_args()
    quick, folder = arguments.quick, Path(tempfile.mkdtemp())
    if arguments.nodes:
        print("a node of Ray killed:", dict(nodes_killed(written(folder, 4.0), arguments.nodes, 0, 4.0)))
        return
    seconds = 0.5 if quick else 2.0
    file = written(folder, seconds)
    print(f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}")
    for kind, workers, trials in (
        ("working", 2, 16 if quick else 64),
        ("sleeping", 8 if quick else 32, 32 if quick else 64),
    ):
        part = efficiency(file, kind, workers, trials)
        print(f"{trials} {kind} trials of {seconds:g} s on {workers} processes: {part:.1%} of ideal")
    with processes(1) as executor:
        print(f"overhead of a trial on a process: {overhead(file, 100, executor):.1f} ms")
    with suppress(gs.FrameworkError), gs.ray.executor("local") as executor:
        print(f"the same on Ray: {overhead(file, 100, executor):.1f} ms")
    number = 2_000 if quick else 10_000
    print(
        f"driver's memory after each quarter of {number:,} trials: "
        + ", ".join(f"{peak:.1f}" for peak in memory_over(file, number))
        + " MB"
    )
    for straggling, failing in ((0.0, 0.0), (0.02, 0.0), (0.02, 0.05)):
        ratio, took = simulated(file, 1000, 4000, straggling, failing)
        print(
            f"1,000 simulated workers, 4,000 trials of about 1 s, {straggling:.0%} of 10 s, {failing:.0%} lost: "
            f"{took:.1f} s, {ratio:.2f} of ideal"
        )
    print("a worker killed:", dict(workers_killed(written(folder, 0.3), 4 if quick else 100, 0)))
    print("the driver killed:", dict(drivers_killed(written(folder, 0.5), 2 if quick else 20, 0)))
    with suppress(ImportError):
        print("a node of Ray killed:", dict(nodes_killed(written(folder, 4.0), 1 if quick else 10, 0, 4.0)))


if __name__ == "__main__":
    main()
