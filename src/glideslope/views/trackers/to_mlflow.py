"""Runs in MLflow, in the experiment "glideslope"."""

from __future__ import annotations

import time
from pathlib import Path
from ssl import SSLError
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from mlflow import MlflowClient, get_tracking_uri
from mlflow.entities import Metric, Param

from glideslope.errors import FrameworkError
from glideslope.views.trackers.tracked import Tracked

_EXPERIMENT = "glideslope"
_AT_ONCE = 1000  # the numbers that MLflow takes in one call
_WAIT = 5.0  # the seconds in which a server has to answer at first: MLflow itself asks one that is down for minutes


class Sink:
    """Sends runs; where to is set by MLFLOW_TRACKING_URI. Their tag "search" is the name of the run directory. Raises a
    FrameworkError if the server doesn't answer."""

    def __init__(self, folder: Path) -> None:
        self._search = folder.name
        _check_answers(get_tracking_uri())
        self._client = MlflowClient()
        known = self._client.get_experiment_by_name(_EXPERIMENT)
        self._experiment = known.experiment_id if known else self._client.create_experiment(_EXPERIMENT)

    def send(self, run: Tracked) -> None:
        sent = self._client.create_run(self._experiment, run_name=run.name, tags={"search": self._search})
        now, place = int(1000 * time.time()), sent.info.run_id
        self._client.log_batch(place, params=[Param(name, str(value)) for name, value in run.settings.items()])
        numbers = [Metric(name, value, now, step) for step, named in run.steps() for name, value in named.items()]
        for begin in range(0, len(numbers), _AT_ONCE):
            self._client.log_batch(place, metrics=numbers[begin : begin + _AT_ONCE])
        self._client.set_terminated(place)


def _check_answers(server: str) -> None:
    if not server.startswith(("http://", "https://")):
        return  # a database or a folder
    try:
        urlopen(server, timeout=_WAIT).close()
    except HTTPError:
        pass  # it answers; what it lets through is MLflow's to ask
    except OSError as error:
        reason = error.reason if isinstance(error, URLError) else error
        if not isinstance(reason, SSLError):
            raise FrameworkError(
                f"{server} doesn't answer ({reason}): start it, or set MLFLOW_TRACKING_URI to one that does"
            ) from None
