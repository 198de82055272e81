"""Tables of final losses in which runs diverge from a known peak on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glideslope import laws

COLUMNS = ("params", "tokens", "batch", "peak_lr")
SIZES, TOKENS, BATCHES = (1e7, 4e7, 1.6e8), (1e9, 3e9), tuple(1e4 * 4.0 ** np.arange(4))
slopes = st.tuples(st.floats(-0.6, -0.2), st.floats(-0.15, 0.15), st.floats(0.0, 0.6))


def edge(by, params, tokens, batch):
    """The logarithm of the peak from which on runs diverge, some way under the best peak that a loss would have."""
    logs = (math.log(params / 1e7), math.log(tokens / 1e9), math.log(batch / 8e4))
    return math.log(3e-3) + sum(slope * log for slope, log in zip(by, logs, strict=True))


def table(by, lost=math.nan):
    """Losses that fall until the edge; from there on they are lost, or so high."""
    random, rows = np.random.default_rng(0), []
    for params in SIZES:
        for tokens in TOKENS:
            for batch in BATCHES:
                for peak in 1e-4 * 2.0 ** np.arange(8):
                    over = math.log(batch / 1e5)
                    loss = 1.7 + 1.2 * (params / 1e7) ** -0.3 + (tokens / 1e9) ** -0.3
                    loss *= 1 + 0.01 * (math.log(peak / 9e-3) - 0.4 * over) ** 2 + 0.005 * over**2
                    diverged = math.log(peak) >= edge(by, params, tokens, batch)
                    rows.append(dict(zip(COLUMNS, (params, tokens, batch, peak), strict=True)))
                    rows[-1]["loss"] = lost * random.uniform(1, 2) if diverged else loss * random.normal(1, 5e-4)
    return rows


def assert_safe(law, by, params, batches=(None, *BATCHES), hidden=0.0):
    for tokens in TOKENS:
        for batch in batches:
            best = law.best(params, tokens, batch)
            assert math.log(best.peak) < edge(by, params, tokens, best.batch) + hidden, (params, tokens, best)
            assert best.peak <= law.largest_peak(params, tokens, best.batch)
            cells = [(params, tokens, size, 1e-4 * 2**k) for size in BATCHES for k in range(8)]
            chosen = cells[int(np.argmin(law.predict(*np.array(cells).T)))]
            assert math.log(chosen[3]) < edge(by, *chosen[:3]) + hidden


@settings(max_examples=6, deadline=None)
@given(slopes)
@pytest.mark.parametrize("lost", [math.nan, math.inf, 6.0])
def test_no_peak_is_chosen_from_which_on_runs_diverge(lost, by):
    law = laws.fit_table(table(by, lost))
    assert "diverged" in law.notes[0]
    for params in SIZES:
        assert_safe(law, by, params)


@settings(max_examples=6, deadline=None)
@given(slopes)
def test_nor_where_the_runs_that_diverged_were_left_out(by):
    law = laws.fit_table([row for row in table(by) if math.isfinite(row["loss"])])
    assert "left out at the largest peaks are taken to have diverged" in law.notes[0]
    for params in SIZES:
        assert_safe(law, by, params)


@settings(max_examples=6, deadline=None)
@given(slopes)
def test_nor_at_a_size_and_a_batch_between_those_tried(by):
    known = [row for row in table(by) if row["params"] != SIZES[1] and row["batch"] != BATCHES[2]]
    assert_safe(laws.fit_table(known), by, SIZES[1])


@settings(max_examples=6, deadline=None)
@given(slopes)
def test_nor_at_a_larger_size_but_for_what_the_distance_of_the_peaks_hides(by):
    law = laws.fit_table([row for row in table(by) if row["params"] < SIZES[2]])
    assert_safe(law, by, SIZES[2], BATCHES, math.log(2))


@settings(max_examples=4, deadline=None)
@given(slopes)
def test_a_peak_of_which_one_seed_diverged_is_not_chosen(by):
    rows = table(by, 2.2)  # a seed that got through, as good as any
    lost = [row | {"loss": math.nan} for row in rows if math.log(row["peak_lr"]) >= edge(by, *list(row.values())[:3])]
    law = laws.fit_table([*rows, *lost])
    for params in SIZES:
        assert_safe(law, by, params, (None,))


def test_a_run_that_is_lost_under_larger_peaks_is_no_edge():
    rows = [row for row in table((-0.3, 0.0, 0.3)) if math.isfinite(row["loss"])]
    groups = {tuple(row[name] for name in COLUMNS[:3]): [] for row in rows}
    for row in rows:
        groups[tuple(row[name] for name in COLUMNS[:3])].append(row)
    longest = max(groups.values(), key=len)
    law = laws.fit_table([row | {"loss": math.nan} if row is longest[0] else row for row in rows])
    assert "1 run that diverged though larger peaks ended well" in " ".join(law.notes)
    assert "1 run that diverged:" not in " ".join(law.notes)
    assert law.largest_peak(*(longest[0][name] for name in COLUMNS[:3])) >= longest[-1]["peak_lr"] * (1 - 1e-9)


@pytest.mark.parametrize("word", ["", "NaN", "inf", "diverged", "n/a", "-", None])
def test_a_lost_loss_as_people_write_it(word):
    rows = table((-0.3, 0.0, 0.3))
    written = [row if math.isfinite(row["loss"]) else row | {"loss": word} for row in rows]
    assert laws.fit_table(written) == laws.fit_table(rows)


@pytest.mark.parametrize("part", [1.0, 0.5])
def test_without_runs_that_diverged_any_peak_is_safe(part):
    kept = np.random.default_rng(1)
    rows = [row for row in table((0.0, 0.0, 0.0)) if row["peak_lr"] < 2e-3 and kept.random() < part]
    law = laws.fit_table(rows)
    assert law.largest_peak(4e7, 1e9, 4e4) == math.inf
    assert not len(law.edges)


@pytest.mark.parametrize("part", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("steeper", ["small peaks", "large batches"])
def test_a_loss_that_is_high_without_divergence_is_no_edge(steeper, part):
    """The least peaks lose half of the loss and more; or the largest batches at any peak."""
    kept, rows = np.random.default_rng(2), []
    for row in table((0.0, 0.0, 0.0)):
        if row["peak_lr"] < 2e-3 and kept.random() < part:
            far = math.log(1.6e-3 / row["peak_lr"]) / 3 if steeper == "small peaks" else row["batch"] > 6e5
            rows.append(row | {"loss": row["loss"] * math.exp(0.6 * far**3)})
    assert not len(laws.fit_table(rows).edges)
