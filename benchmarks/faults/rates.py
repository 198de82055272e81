"""Rates, conversions and logs: the histories of torch loops, and the checks of the property tests."""

from __future__ import annotations

import histories
from hypothesis import strategies as st
from tests.laws import test_read as logs
from tests.parity import test_torch as parity
from tests.schedules import test_counts as counts
from tests.schedules import test_methods as methods
from tests.schedules.strategies import schedules
from tests.search import test_noise as noise

from faults.tally import InFolders, Kinds, drawn, seeded


def history(seed: int) -> str | None:
    """A random history of a torch training, its rates against closed forms."""
    return histories.History(seed).run()


KINDS: Kinds = {
    "histories": ("rates in torch loops: each update of a random history", seeded(history), 10_000),
    "conversions": ("torch schedulers converted: every update, each group",
                    drawn(parity.test_what_converts_gives_torch_s_rates_at_every_update_of_every_group,
                          parity.random_schedulers(), st.integers(0, 60)), 5_000),
    "cuts": ("schedules cut by .lasting",
             drawn(methods.test_what_lasts_is_itself_until_it_is_cut, schedules,
                   st.floats(1, 700) | st.integers(1, 700)), 5_000),
    "moves": ("schedules delayed, skipped, stretched, and cut",
              drawn(methods.test_what_moves_a_schedule_and_cuts_it_is_itself_elsewhere, schedules,
                    st.integers(1, 300), st.integers(1, 300), st.floats(0.3, 3)), 3_000),
    "counts": ("counts of each NumPy and torch type",
               drawn(counts.test_every_type_of_numpy_and_torch, schedules), 2_000),
    "jax": ("counts of each JAX type", drawn(counts.test_every_type_of_jax, schedules), 300),
    "zero": ("range tests of a loss shifted, or in another unit",
             drawn(noise.test_no_decision_depends_on_the_zero_or_the_unit_of_the_loss, *noise.SWEEPS), 3_000),
    "logs": ("logs of several files and runs, in any order",
             drawn(InFolders(logs.test_every_run_of_every_file_is_read_in_any_order), logs.folders()), 2_000),
    "columns": ("logs with an unrelated column",
                drawn(InFolders(logs.test_an_unrelated_column_changes_nothing), *logs.COLUMNS), 3_000),
}  # fmt: skip
