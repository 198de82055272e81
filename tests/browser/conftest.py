"""The studio that the tests of its pages open."""

import shutil

import pytest

import glideslope as gs
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.views import tuned as views
from tests.browser.opened import EXAMPLES
from tests.search.quadratic_jobs import job


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    pytest.importorskip("uvicorn", reason="the extra studio isn't installed")
    from glideslope.studio.background import Background

    folder = tmp_path_factory.mktemp("studio")
    shutil.copy(EXAMPLES / "law.json", folder)
    memory = RunDirectory(folder / "tuned", {"command": "tune", "job": "job.py:job", "steps": 400, "overhead": 2.0})
    tuned = gs.tune(job, 400, memory=memory)
    said = views.answer(tuned)
    memory.finish(
        {"answer": said.do, "final_loss": tuned.final_loss}, [], views.page(tuned, "job.py:job", None, [], [])
    )
    running = Background(folder)
    running.folder = folder
    yield running
    running.close()
