"""DeepSpeed's schedulers by their formulas: it sets the rate of update t + 1 from the index t of the last update."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs

STEPS = 150
quick = settings(deadline=None, max_examples=40)


def check(ours, theirs):
    expected = [theirs(t - 1) for t in range(STEPS)]
    np.testing.assert_allclose(ours(np.arange(STEPS)), expected, rtol=0, atol=1e-12 * max(expected))


def rise(last, warm, kind):
    return math.log(last + 1) / math.log(warm) if kind == "log" else last / warm


kinds = st.sampled_from(["log", "linear"])
warmups = st.integers(2, 60)


@given(warmups, kinds, st.floats(0, 1), st.floats(0.01, 10))
@quick
def test_warmup(warm, kind, low, peak):
    params = {"warmup_min_lr": low * peak, "warmup_max_lr": peak, "warmup_num_steps": warm, "warmup_type": kind}

    def theirs(last):
        gamma = 0 if last < 0 else rise(last, warm, kind) if last < warm else 1
        return low * peak + (peak - low * peak) * gamma

    check(gs.from_deepspeed({"scheduler": {"type": "WarmupLR", "params": params}}), theirs)


@given(warmups, st.integers(1, 60), kinds, st.floats(0, 1), st.floats(0.01, 10))
@quick
def test_warmup_decay(warm, decay, kind, low, peak):
    params = {"warmup_min_lr": low * peak, "warmup_max_lr": peak, "warmup_num_steps": warm, "warmup_type": kind}

    def theirs(last):
        left = max(0, (warm + decay - last) / decay)
        gamma = 0 if last < 0 else rise(last, warm, kind) if last < warm else left
        return low * peak + (peak - low * peak) * gamma

    section = {"type": "WarmupDecayLR", "params": params | {"total_num_steps": warm + decay}}
    check(gs.from_deepspeed({"scheduler": section}), theirs)


@given(warmups, st.integers(1, 60), kinds, st.floats(0, 1), st.floats(0, 1))
@quick
def test_warmup_cosine(warm, decay, kind, start, low):
    def theirs(last):
        if last < 0:
            return 0.0
        if last < warm:
            return start + rise(last, warm, kind) * (1 - start)
        progress = min(1.0, (last - warm + 1) / decay)
        return low + (1 - low) * (1 + math.cos(math.pi * progress)) / 2

    params = {"warmup_min_ratio": start, "cos_min_ratio": low, "warmup_num_steps": warm, "warmup_type": kind}
    section = {"type": "WarmupCosineLR", "params": params | {"total_num_steps": warm + decay}}
    check(gs.from_deepspeed(section), theirs)


@given(
    st.integers(1, 50), st.integers(1, 50), st.floats(0.01, 1), st.floats(0.01, 10), st.floats(0, 1), st.integers(0, 9)
)
@quick
def test_one_cycle(up, down, low, peak, rate, size):
    def theirs(last):
        t, total = last + 1, up + down
        if last < total:
            at = t % total
            part = at / up if at <= up else (total - at) / down
            return low * peak + (peak - low * peak) * part
        return low * peak / (1 + rate * (t - total) / size) if size and rate else low * peak

    params = {"cycle_min_lr": low * peak, "cycle_max_lr": peak, "cycle_first_step_size": up,
              "cycle_second_step_size": down, "decay_lr_rate": rate, "decay_step_size": size}  # fmt: skip
    check(gs.from_deepspeed({"type": "OneCycle", "params": params}), theirs)


def test_mistakes_are_named():
    with pytest.raises(gs.ConversionError, match="known are WarmupLR"):
        gs.from_deepspeed({"type": "LRRangeTest"})
    with pytest.raises(gs.ConversionError, match="total_num_steps"):
        gs.from_deepspeed({"type": "WarmupDecayLR", "params": {}})
