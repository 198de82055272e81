"""The laws of public loss curves: what is known of a run before it has shown anything."""

from __future__ import annotations

CONVEX = "Schaipp et al. 2025, arXiv:2501.18965"
MULTI_POWER = "Luo et al. 2025, arXiv:2503.12811"
UNIT, REFERENCE, LONGEST = 1000.0, 1e-3, 24_000
"""The updates of a unit of their clock, the rate that rates are over, and the updates of a usual run."""
NAMES = ("L0", "A", "alpha", "offset", "a", "b", "B", "C", "gamma", "beta", "p")
LAWS = (
    ("33M", CONVEX, (3.157, 0.6858, 0.6268, 0.0806, 0.4815, 0.3128, 0.2472, 36.84, 0.4956, 0.6176, 1.089)),
    ("53M", CONVEX, (2.992, 0.7101, 0.5636, 0.08286, 0.5566, 0.2833, 0.3045, 45.19, 0.5128, 0.579, 1.086)),
    ("59M", CONVEX, (2.951, 0.7766, 0.5807, 0.1293, 0.3198, 0.2016, 0.2768, 44.56, 0.5135, 0.4911, 1.028)),
    ("93M", CONVEX, (2.81, 0.8846, 0.5527, 0.1768, 0.2551, 0.1794, 0.2957, 34.69, 0.5405, 0.4091, 0.9995)),
    ("124M", CONVEX, (2.662, 0.7031, 0.4592, 0.02699, 0.8317, 0.183, 0.658, 283.3, 0.1231, 0.2651, 0.8885)),
    ("25M", MULTI_POWER, (3.05, 0.4821, 0.599, 0.06588, 0.7686, 0.08986, 0.4541, 265.7, 0.1434, 0.3794, 0.7883)),
    ("100M", MULTI_POWER, (2.677, 0.5279, 0.541, 0.06759, 2.486, 0.3584, 0.7714, 178.6, 0.2537, 0.3861, 1.012)),
)
"""The parameters of the network, the source of its curves, and the parameters of the law of all of them: language
models in nats a token, AdamW with a weight decay of 0.1."""
