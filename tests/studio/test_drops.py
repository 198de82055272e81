"""Files that are dropped on the page are kept as they lay, lead nowhere else, and are read as runs."""

import csv
from pathlib import Path
from urllib.parse import quote

import pytest

from glideslope.errors import DocumentError, LawError
from glideslope.studio.drops import Drop
from glideslope.studio.library import Library
from tests.studio.asking import client

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def folder(tmp_path):
    """The folder of a studio, without anything."""
    return tmp_path


def kept(folder):
    return {str(file.relative_to(folder)) for file in folder.parent.rglob("*") if file.is_file()}


def test_dropped_names_lead_nowhere_else(tmp_path):
    drop = Drop(tmp_path / "dropped")
    for name in (
        "../../x.csv",
        "..\\..\\y.csv",
        "/tmp/z.csv",
        "..",
        "\u202e.csv",
        "a/../b/./c.csv",
        "나" * 200 + ".csv",
    ):
        drop.keep(name, b"x")
    long = {name for name in kept(drop.folder) if name.startswith("나")}
    assert kept(drop.folder) - long == {"x.csv", "y.csv", "tmp/z.csv", "log", "_.csv", "a/b/c.csv"}
    assert [name.endswith(".csv") for name in long] == [True]


def test_files_of_one_name_are_all_kept(tmp_path):
    drop = Drop(tmp_path / "dropped")
    for name in ("m.csv", "m.csv", "run/m.csv", "run/m.csv", "m.csv", "m.csv/n.csv", "run"):
        drop.keep(name, b"x")
    second, third = "dropped (2)", "dropped (3)"
    assert kept(drop.folder) == {
        "m.csv", f"{second}/m.csv", "run/m.csv", f"{second}/run/m.csv", f"{third}/m.csv", "dropped (4)/m.csv/n.csv",
        f"{third}/run",
    }  # fmt: skip
    given = ["m.csv", f"{second}/m.csv", "run", f"{second}/run", f"{third}/m.csv", "dropped (4)/m.csv", f"{third}/run"]
    assert [str(path.relative_to(drop.folder)) for path in drop.given] == given


def test_there_is_an_end_to_what_is_kept(folder, tmp_path):
    drop = Drop(tmp_path / "dropped")
    with pytest.raises(DocumentError, match="deep"):
        drop.keep("a/" * 8 + "x.csv", b"x")
    for i in range(500):
        drop.keep(f"{i}.csv", b"x")
    with pytest.raises(DocumentError, match="500 files"):
        drop.keep("more.csv", b"x")


def test_the_files_of_the_last_drops_are_kept(folder):
    library = Library(folder)
    for i in range(14):
        library.keep(f"g{i}", "x.csv", b"x")
    assert len(list(Path(library._kept.name).iterdir())) == 12
    for group, told in (("g1", "nothing was dropped"), ("g2", "x.csv")):
        with pytest.raises(LawError, match=told):
            library.fitted(group, {})


@pytest.mark.slow
def test_what_logs_do_not_say_is_given_beside_them(folder):
    """Logs of epochs, and logs without rates, as glideslope fit reads them with the same options."""
    asking = client(folder)
    for name, falls in (("constant", 0), ("linear", 1)):
        losses = [2 - falls * 0.2 * i / 40 + 1 / (1 + i) for i in range(41)]
        epochs = "".join(f"{i},{0.01 * (1 - falls * i / 40)},{loss}\n" for i, loss in enumerate(losses))
        asking.post(f"api/drop/a/runs/{name}.csv", content=f"epoch,learning_rate,loss\n{epochs}")
        bare = "".join(f"{50 * i},{loss}\n" for i, loss in enumerate(losses))
        asking.post(f"api/drop/b/runs/{name}.csv", content=f"step,loss\n{bare}")
    asked = asking.post("api/fit", json={"group": "a"})
    assert (asked.status_code, "counts epochs" in asked.json()["message"]) == (400, True)
    assert asking.post("api/fit", json={"group": "a", "steps_per_epoch": 140}).json() == {"law": "runs"}
    assert asking.post("api/fit", json={"group": "b"}).status_code == 400
    told = {"schedule": "linear", "peak": 0.1, "steps": 2000}
    assert asking.post("api/fit", json={"group": "b", **told}).json() == {"law": "runs (2)"}
    for wrong in ({"steps_per_epoch": 0}, {"schedule": "linea"}, {"loss": "nowhere"}, {"warmup": 1.5}, {"peak": "x"}):
        assert asking.post("api/fit", json={"group": "b", **told, **wrong}).status_code == 400


def fitted_on(folder, files):
    """The law that is fitted on dropped files, by name and content, as the page says it."""
    asking = client(folder)
    for name, content in files:
        assert asking.post(f"api/drop/abc/{quote(name, safe='')}", content=content).status_code == 200
    fitted = asking.post("api/fit", json={"group": "abc"}).json()
    answer = asking.post("api/predict", json={"plan": {"steps": 3000}, "law": fitted["law"]}).json()
    return {
        group["name"].removesuffix(", measured")
        for group in answer["loss_chart"]["groups"]
        if group["name"].endswith(", measured")
    }


def rows(name):
    """The rows of a log among the examples: the step, the rate and the loss."""
    lines = (EXAMPLES / "curves" / f"{name}.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """A folder for each of two runs, with a file of TensorBoard."""
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    place = tmp_path_factory.mktemp("events")
    for name in ("constant", "cosine"):
        with tensorboard.SummaryWriter(str(place / "runs" / name)) as writer:
            for row in rows(name):
                writer.add_scalar("train/loss", float(row["loss"]), int(row["step"]))
                writer.add_scalar("train/lr", float(row["lr"]), int(row["step"]))
    return place


@pytest.mark.slow
def test_event_files_of_several_runs_are_dropped_with_their_folders(folder, events):
    files = [(str(file.relative_to(events)), file.read_bytes()) for file in (events / "runs").glob("*/*")]
    assert fitted_on(folder, files) == {"constant", "cosine"}


@pytest.mark.slow
def test_event_files_without_their_folders_are_a_run_each(folder, events):
    files = [(file.name, file.read_bytes()) for file in (events / "runs").glob("*/*")]
    assert fitted_on(folder, files) == {name.replace(".tfevents.", "-") for name, _ in files}


def test_of_event_files_without_their_folders_the_page_says_what_they_are_taken_for(tmp_path):
    drop = Drop(tmp_path / "dropped")
    drop.keep("events.out.tfevents.1.host.7.0", b"")
    drop.keep("run/events.out.tfevents.1.host.7.1", b"")
    assert drop.notes == ()
    drop.keep("events.out.tfevents.2.host.9.0", b"")
    assert "2 files of TensorBoard" in drop.notes[0]
    assert sorted(path.name for path in drop.given) == [
        "events.out-1.host.7.0", "events.out-2.host.9.0", "run",
    ]  # fmt: skip
    assert all(path.is_dir() for path in drop.given)


@pytest.mark.slow
def test_logs_of_one_name_are_dropped_together(folder):
    files = [("metrics.csv", (EXAMPLES / "curves" / f"{name}.csv").read_bytes()) for name in ("constant", "cosine")]
    assert fitted_on(folder, files) == {"dropped", "dropped (2)"}
