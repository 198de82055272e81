"""Searches on engines that people have: Ray, Dask, submitit. Each gives the answer of one process."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import glideslope as gs
from glideslope.search import load_job
from glideslope.search.directory.run_directory import RunDirectory
from tests.conftest import one_process_at_a_time
from tests.search import test_ranks as ranks
from tests.search.test_workers import JOB, SLOW, made_by_workers

PEAKS, STEPS = [0.09, 0.3], 200


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "quadratic.py").write_text(JOB)
    (tmp_path / "slow.py").write_text(SLOW.replace("EVERY = 0.002", "EVERY = 0.01"))
    (tmp_path / "lost").touch()
    return tmp_path


def raced(folder, executor=None, memory=None):
    return gs.race(load_job(f"{folder}/slow.py:job"), ["linear"], STEPS, PEAKS, executor=executor, memory=memory)


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_until_it_listens(port):
    for _ in range(600):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


@pytest.fixture
def cluster(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")  # with it the server of a client dies at its fork now and then
    import ray
    from ray.cluster_utils import Cluster

    with one_process_at_a_time("ray"):
        client = port()
        head = {"num_cpus": 1, "object_store_memory": 10**8, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args={**head, "ray_client_server_port": client})
        cluster.client = f"ray://127.0.0.1:{client}"
        wait_until_it_listens(client)  # Ray is started before its server of clients is
        try:
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


@pytest.mark.slow
def test_a_node_of_ray_that_is_killed_changes_nothing(cluster, folder):
    node = cluster.add_node(num_cpus=1, object_store_memory=10**8)
    memory = RunDirectory(folder / "out", {"command": "race"}, checkpoint_every=0.1)

    def kill():
        while made_by_workers(folder) < 150:
            time.sleep(0.05)
        cluster.remove_node(node, allow_graceful=False)

    (folder / "updates").touch()
    killer = threading.Thread(target=kill)
    killer.start()
    with gs.ray.executor(cluster.address) as executor:
        race = raced(folder, executor, memory)
    killer.join()
    assert race == raced(folder)
    assert len(memory) == 4
    assert not (folder / "out" / "unfinished").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["job", "sharded"])
def test_runs_of_two_processes_are_made_on_ray(cluster, tmp_path, name):
    pytest.importorskip("torch")
    cluster.add_node(num_cpus=2, object_store_memory=10**8)
    two = ranks.job(tmp_path, 2, name)
    with gs.ray.executor(cluster.address, cpus_per_trial=2) as executor:
        race = gs.race(two, ["linear"], 20, [0.05], executor=executor)
        with pytest.raises(gs.JobError, match=r"rank 1 of 2: .*boom"):
            gs.race(ranks.job(tmp_path, 2, "failing"), ["linear"], 20, [0.05], executor=executor)
    assert race == gs.race(two, ["linear"], 20, [0.05])


@pytest.mark.slow
def test_ray_is_reached_as_a_client_and_copies_the_folder_of_the_job(cluster, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with gs.ray.executor(cluster.client, working_dir=folder) as executor:
        job = load_job("quadratic.py:job")
        job.file = folder / "elsewhere" / "quadratic.py"  # as on a machine that doesn't share the folder
        race = gs.race(job, ["linear"], 20, [0.1], executor=executor)
        with pytest.raises(gs.JobError, match="boom"):
            gs.race(load_job(f"{folder}/quadratic.py:failing"), ["constant"], 20, [0.3], executor=executor)
    assert race == gs.race(load_job("quadratic.py:job"), ["linear"], 20, [0.1])


@pytest.mark.slow
def test_resources_that_no_node_of_ray_has_are_named(cluster):
    for message, address, gpus in (
        (r"needs 1 CPUs and 1 GPUs, .* the most are 1 CPUs and 0 GPUs", cluster.address, 1),
        ("gpus_per_trial -1: give a number, 0 or more", cluster.address, -1),
    ):
        with pytest.raises(gs.SearchError, match=message), gs.ray.executor(address, gpus_per_trial=gpus):
            pass


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("HOST:PORT", "no Ray cluster at"),
        ("ray://HOST:PORT", "no Ray cluster at"),
        ("ray://a..b:10001", "no Ray cluster at"),
        ("auto", "no Ray cluster at auto"),  # as RAY_ADDRESS says, where nothing listens
        ("", "no Ray cluster at"),
        (None, 'address None: give "auto"'),
        (6379, 'address 6379: give "auto"'),
    ],
)
def test_an_address_at_which_nothing_listens_is_refused_at_once(address, says, monkeypatch):
    pytest.importorskip("ray")
    here = f"127.0.0.1:{port()}"
    monkeypatch.setenv("RAY_ADDRESS", here)
    address = address.replace("HOST:PORT", here) if isinstance(address, str) else address
    with pytest.raises(gs.SearchError, match=says), gs.ray.executor(address):
        pass


def of_environment():
    return {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


@pytest.mark.slow
def test_a_connection_of_the_user_stays_as_it_is(cluster, folder, monkeypatch):
    import ray

    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    ray.init(cluster.address, runtime_env={"env_vars": {"OPENBLAS_NUM_THREADS": "5"}}, log_to_driver=False)
    with pytest.raises(gs.SearchError, match="Ray takes a working_dir as it is connected to"):
        gs.ray.executor("auto", working_dir=folder).__enter__()
    with gs.ray.executor("auto") as executor:
        there = executor.submit(of_environment).result()
    assert there == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "5"}
    assert ray.is_initialized()
    ray.shutdown()
    for working_dir, says in ((folder / "nowhere", "doesn't exist"), (folder / "slow.py", "Ray can't take the work")):
        with pytest.raises(gs.SearchError, match=says), gs.ray.executor(cluster.address, working_dir=working_dir):
            pass


@pytest.mark.slow
def test_a_process_of_dask_that_is_killed_changes_nothing(folder, monkeypatch):
    distributed = pytest.importorskip("distributed")
    memory = RunDirectory(folder / "out", {"command": "race"}, checkpoint_every=0.1)
    (folder / "updates").touch()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())

        def kill():
            while made_by_workers(folder) < 150:
                time.sleep(0.05)
            os.kill(pids[0], 9)

        killer = threading.Thread(target=kill)
        killer.start()
        race = raced(folder, client.get_executor(), memory)
        killer.join()
    assert race == raced(folder)
    assert len(memory) == 4


@pytest.mark.slow
def test_jobs_of_submitit_give_the_same_answer(folder):
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(folder / "logs", cluster="local")
    executor.update_parameters(timeout_min=5)
    job = load_job(f"{folder}/quadratic.py:job")
    assert gs.race(job, ["linear"], 60, [0.1, 0.3], executor=executor) == gs.race(job, ["linear"], 60, [0.1, 0.3])
    with pytest.raises(gs.JobError, match="boom"):
        gs.race(load_job(f"{folder}/quadratic.py:failing"), ["constant"], 60, [0.3], executor=executor)


@pytest.mark.slow
def test_a_job_of_submitit_that_is_preempted_goes_on_from_its_checkpoint(folder):
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(folder / "logs", cluster="local")
    executor.update_parameters(timeout_min=5)
    memory = RunDirectory(folder / "out", {"command": "race"}, checkpoint_every=1000)
    (folder / "updates").touch()

    def preempt():
        while made_by_workers(folder) < 150:
            time.sleep(0.05)
        processes = {int(line.split()[0]) for line in (folder / "updates").read_text().splitlines()}
        for process in processes - {os.getpid()}:
            os.kill(process, signal.SIGUSR2)

    preempting = threading.Thread(target=preempt)
    preempting.start()
    race = raced(folder, executor, memory)
    preempting.join()
    assert race == raced(folder)
    assert race.wasted == 0
    assert sum("Requeued job" in log.read_text() for log in (folder / "logs").glob("*.out")) > 1


MPI = """
import sys
from mpi4py.futures import MPIPoolExecutor
import glideslope as gs
from glideslope.search import load_job

if __name__ == "__main__":
    job, failing = (load_job(f"{sys.argv[1]}/quadratic.py:{name}") for name in ("job", "failing"))
    with MPIPoolExecutor() as executor:
        assert executor.num_workers == 2
        assert gs.race(job, ["linear"], 60, [0.1, 0.3], executor=executor) == gs.race(job, ["linear"], 60, [0.1, 0.3])
        assert gs.tune(job, 300, executor=executor).final == gs.tune(job, 300).final
        try:
            gs.race(failing, ["constant"], 60, [0.3], executor=executor)
        except gs.JobError as error:
            print(error)
"""


@pytest.mark.slow
def test_workers_of_mpi_give_the_same_answer(folder):
    pytest.importorskip("mpi4py.futures")
    beside = Path(sys.executable).parent
    mpiexec = shutil.which("mpiexec", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if mpiexec is None:
        pytest.skip("mpi4py needs the mpiexec of its MPI")
    (folder / "main.py").write_text(MPI)
    command = [mpiexec, "-n", "3", sys.executable, "-m", "mpi4py.futures", str(folder / "main.py"), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    assert "boom" in ended.stdout
