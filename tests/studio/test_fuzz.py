"""No request makes the server fail."""

import pytest

from tests.studio.fuzz import fuzz


@pytest.mark.parametrize("requests", [120, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_request_makes_the_server_fail(requests):
    statuses, failed, _ = fuzz(requests, seed=3)
    assert failed == []
    assert {200, 400} <= statuses.keys()
