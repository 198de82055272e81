"""The data of the network whose loss is a surface."""

import numpy as np
import pytest

from glideslope.studio.descent.digits import plane


def test_the_digits_are_those_of_the_source():
    data = pytest.importorskip("sklearn.datasets", reason="scikit-learn isn't installed").load_digits()
    assert np.array_equal(plane().inputs[:, :-1] * 16, data.data[:256])
    assert np.array_equal(plane().labels, data.target[:256])
