"""What docs/figures.md claims: for each row the script that measures it, and where its output has the same number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FIGURES = Path(__file__).parents[1] / "docs" / "figures.md"
NUMBER = r"([-+]?\d[\d,]*(?:\.\d+)?)"
WITHIN_ONE = r"(?s)regret, {} over jobs and repeats, of the searches that chose\n.*?\nours +(?:\S+ +){{3}}#"
"""The fourth of six bounds, one full run, in the table of the searches."""
Rule = Callable[[float, float], bool]


def near(relative: float, absolute: float = 0.0) -> Rule:
    """A result that another machine has too, but for rounding and thread counts."""
    return lambda claimed, measured: abs(measured - claimed) <= relative * abs(claimed) + absolute


def at_most(factor: float) -> Rule:
    """A time or a size: less is better, and another machine may take this many times more."""
    return lambda claimed, measured: measured <= factor * claimed


def at_least(part: float) -> Rule:
    """A gain: more is better."""
    return lambda claimed, measured: measured >= part * claimed


@dataclass(frozen=True)
class Claim:
    """A number of a row: `row` is a pattern of docs/figures.md, `output` one of the script's output, a group each."""

    row: str
    output: str
    holds: Rule

    def claimed(self, text: str) -> float | None:
        return number(self.row, text)

    def measured(self, output: str) -> float | None:
        return number(self.output, output)


def number(pattern: str, text: str) -> float | None:
    match = re.search(pattern.replace("#", NUMBER), text)
    return None if match is None else float(match[1].replace(",", ""))


@dataclass(frozen=True)
class Script:
    """How a script is run.

    Attributes:
        name: of the file, without the ending.
        claims: what it measures.
        full: its arguments for the whole measurement.
        quick: those for a short one; None if there is none.
        same: whether the short one measures the same, so that claims are compared.
        needs: what it can't do without, in words.
    """

    name: str
    claims: tuple[Claim, ...] = ()
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] | None = None
    same: bool = True
    needs: str = ""
    packages: tuple[str, ...] = field(default=())


SCRIPTS = (
    Script("imports", (
        Claim(r"`import glideslope` over `import numpy` \| #", r"import numpy: #", at_most(1.3)),
        Claim(r"`glideslope --help` \| # s", r"--help: # s", at_most(3)),
    ), quick=()),
    Script("schedules", (
        Claim(r"over NumPy by hand \| #", r"over NumPy by hand: #", at_most(1.3)),
        Claim(r"eager call over ours, one step \| #", r"ours, one step: #", at_least(0.3)),
        Claim(r"a cosine with warmup, a composition of six \| # µs", r"call, cosine with warmup: # µs", at_most(3)),
    ), quick=(), packages=("optax",)),
    Script("torch_scheduler", (
        Claim(r"a step of the torch scheduler.*?\| # µs", r"1 group: # µs", at_most(3)),
        Claim(r"a step of the torch scheduler.*?\| [\d.]+ µs, # ×", r"1 group: .*?, # × faster", at_least(0.7)),
        Claim(r"1,000 groups of distinct rates; over bare assignment \| # ×", r"1000 groups: # ×", at_least(0.7)),
        Claim(r"counts in the optimizer's own step.*?\| # µs", r"look at 1 groups.*?: # µs", at_most(3)),
    ), quick=(), packages=("transformers",)),
    Script("feedback", (
        Claim(r"plateau and guard at each step.*?\| # µs", r"plateau and guard on \w+: # µs", at_most(3)),
        Claim(r"a guard's snapshot each 20 updates.*?\| #%", r"1,050,624 param\w+, SGD.*?updates #%", at_most(3)),
        Claim(r"a loop with a guard, over one without.*?\| \+?#%", r"over one without.*?SGD: \+?#%", near(0, 5.0)),
        Claim(r"a monitor of update ratios.*?\| #%", r"with a monitor every 50: #%", near(0, 5.0)),
    ), quick=("--rounds", "3")),
    Script("guard", (
        Claim(r"with a guard, to the undisturbed one; without \| within #%",
              r"in a loop \+?#%", lambda claimed, measured: abs(measured) <= max(3.0, claimed)),
    ), full=("--seeds", "3"), quick=("--seeds", "1")),
    Script("logistic_depth", (
        Claim(r"layers balanced; one rate at its best \| #%", r"balanced every 200 updates: .*accuracy #%", near(0.05)),
        Claim(r"layers balanced; one rate at its best \| .*?; #%", r"one rate: .*accuracy #%", near(0.3)),
    ), full=("--seeds", "3"), quick=("--seeds", "1", "--updates", "400"), same=False),
    Script("adagrad_sparse", (
        Claim(r"Adagrad on sparse text.*?\| #%", r"adagrad: .*accuracy #%", near(0.05)),
        Claim(r"Adagrad on sparse text.*?right; #%", r"sgd: .*accuracy #%", near(0.1)),
    ), quick=("--seeds", "1"), same=False),
    Script("batch_growth", (
        Claim(r"cosine paid in batch growth.*?\| [^;]*; #%", r"cosine: .*\(#% fewer\)", near(0.05)),
    ), quick=("--seeds", "2", "--steps", "200"), same=False, needs="Fashion-MNIST, which a package has"),
    Script("sizes", (
        Claim(r"a fit of 200 runs of 100,000 points.*?\| # s", r"200 runs x 100,000 points, arrays \| #",
              at_most(3)),
        Claim(r"`show` and `predict` over.*?\| # s", r"show, 1e9 updates \| #", at_most(3)),
        Claim(r"`show` and `predict` over.*?\| [\d.]+ s, # s", r"predict, 1e9 updates \| #", at_most(3)),
    ), quick=("--quick",), same=False),
    Script("report", (
        Claim(r"a report of 40 runs.*?\| # MB", r": # MB", near(0.1)),
        Claim(r"a report of 40 runs.*?MB; # s", r"first paint: # s", at_most(4)),
    ), quick=(), needs="Chromium", packages=("playwright",)),
    Script("job_overhead", (
        Claim(r"a torch job over the bare loop.*?\| #", r"\| plain \|[^|]*\|[^|]*\| #", near(0.05)),
    ), quick=("--updates", "100")),
    Script("checkpoints", (
        Claim(r"checkpoints of a run of 36 s.*?\| #%", r"1 s at most: #%", at_most(1.6)),
    ), full=("--kills", "30"), quick=("--only", "cost", "--pairs", "1")),
    Script("reliability", (
        Claim(r"random torch training histories.*?\| [\d,]+; #",
              r"\| rates in torch loops[^|]* \| [\d,]+ \| #", near(0)),
    ), quick=("--quick", "--only", "histories")),
    Script("tune_fashion_mnist", (
        Claim(r"within 0.5, 1 and 2 full runs, over.*?\| #%", r"within 0.5 full runs.*?, #% to", near(0, 2.0)),
        Claim(r"within 0.5, 1 and 2 full runs, over.*?, #% \|", r"within 2 full runs.*?, #% to", near(0, 2.0)),
        Claim(r"the same within 2, under the best constant rate \| #%", r"within 2 full runs.*?, #% under", near(0.2)),
        Claim(r"wall time of that search.*?\| #%", r"wall time of the search up to its first full run.*?loop: #%",
              near(0, 5.0)),
        Claim(r"wall time of that search.*?\| [^;]*; #%", r"wall time of the search with its full runs.*?loop: #%",
              near(0, 5.0)),
    ), quick=("--seeds", "1", "--steps", "60", "--bounds", "0.5"), same=False,
        needs="an hour, and Fashion-MNIST"),
    Script("tune_held_out", (
        Claim(r"AdamW on text.*?\| #%", r"text within 1: tune [\d.]+, #% to the best in the mean", near(0, 2.0)),
        Claim(r"a convolutional network with momentum.*?\| #%", r"convolutional within 1: .*?, #% to", near(0, 3.0)),
    ), quick=("--seeds", "1", "--steps", "100", "--trainings", "text"), same=False, needs="minutes"),
    Script("cluster", (
        Claim(r"100 searches of which a worker was killed.*?\| #", r"a worker killed: .*?'wrong answers': #", near(0)),
        Claim(r"20 searches killed 29 times.*?\| #", r"the driver killed: .*?'wrong answers': #", near(0)),
        Claim(r"10 searches on Ray.*?\| #", r"a node of Ray killed: .*?'wrong answers': #", near(0)),
        Claim(r"64 trials asleep.*?\| #%", r"64 sleeping trials of 2 s on 32 processes: #%", at_least(0.9)),
        Claim(r"32 that compute .*?\| [\d.]+%, #%", r"working trials of [\d.]+ s on 2 processes: #%", at_least(0.9)),
        Claim(r"a trial of nearly no work.*?\| # ms", r"overhead of a trial on a process: # ms", at_most(3)),
        Claim(r"4,000 trials of about 1 s.*?\| # s", r"0% of 10 s, 0% lost: # s", near(0.2)),
        Claim(r"the search's memory after each quarter.*?\| #", r"each quarter of [\d,]+ trials: #", near(0.3)),
    ), quick=("--quick",), same=False, needs="Ray, and some minutes"),
    Script("studio", (
        Claim(r"a room of the studio.*?\| # KB", r"# KB", at_most(1.6)),
        Claim(r"a drag of a handle in the studio.*?\| # ms", r"drag to curve: .*?median # ms", at_most(3)),
    ), quick=(), needs="Chromium", packages=("playwright",)),
    Script("laws", (
        Claim(r"rank correlation.*?\| .*?\), #", r"124M, [\d to]+: rank correlation #", near(0.01)),
        Claim(r"25M and 100M models.*?\| #", r"25M, ours: MAE #", near(0.1)),
        Claim(r"a fit on three curves.*?\| # s", r"25M: .*?the fit took # s", at_most(3)),
    ), full=("--data", "{data}"), needs="the published loss curves: --data FOLDER"),
    Script("forecast", (
        Claim(r"alarms on 98.*?\| #", r"alarms on 98 clean curves: #", near(0)),
        Claim(r"alarms on 98.*?\| \d+; #", r"faults of 10% .*?: #", at_least(1.0)),
        Claim(r"with all public curves.*?\| #", r"all public curves: #", near(0.05)),
        Claim(r"with all public curves.*?\| [\d.]+, #", r"ends at 30% [^\n]*without the run: #", near(0.05)),
        Claim(r"with all public curves.*?\| [\d.]+, [\d.]+, #", r"ends at 30% [^\n]*those of its size: #", near(0.05)),
        Claim(r"with all public curves.*?; [\d]+%, [\d]+%, #%", r"30% [^\n]*its size: [^\n]*cover #%", near(0, 2.0)),
        Claim(r"cooldowns of public curves.*?\| #", r"cooldowns begun of [^\n]*without the run: #", near(0.05)),
        Claim(r"cooldowns of public.*?; [\d]+%, #%", r"cooldowns begun [^\n]*its size: [^\n]*cover #%", near(0, 2.0)),
    ), full=("--data", "{data}"), quick=("--quick",), same=False,
        needs="the published loss curves: --data FOLDER, or --quick"),
    Script("laws_sizes", (
        Claim(r"fitted on 3 or 4 of its short runs.*?\| #", r"alone, other cosines: mean absolute error #", near(0.1)),
        Claim(r"fitted on 3 or 4 of its.*?\| [\d.]+; #", r"constant rates: mean absolute error #", near(0.1)),
        Claim(r"93M fitted beside three.*?\| #", r"93M without a run.*?absolute error #", near(0.1)),
        Claim(r"93M fitted beside three.*?\| [\d.]+; #", r"peaks that smaller.*?absolute error #", near(0.1)),
        Claim(r"93M fitted beside three.*?\| [\d.]+; [\d.]+; #", r"another peak: mean absolute error #", near(0.1)),
    ), full=("--data", "{data}"), needs="the published loss curves: --data FOLDER"),
    Script("laws_grids", (
        Claim(r"the cell chosen at larger.*?\| #%", r"small GPTs, smaller sizes to.*?regret #%", near(0, 0.05)),
        Claim(r"the cell chosen at larger.*?\| [\d.]+%, #%", r"smaller sizes to.*?, #% carried", near(0.05)),
        Claim(r"smaller sizes' cells \| #%", r"small GPTs, 50% of smaller.*?regret #%", near(0.1)),
        Claim(r"smaller sizes' cells \| [\d.]+%, #%", r"small GPTs, 50% of smaller.*?best, #% carried", near(0.05)),
        Claim(r"until a peak from which.*?\| #%", r"diverge, marked, smaller sizes to.*?regret #%", near(0.5, 0.3)),
    ), quick=("--quick",), same=False),
    Script("search/compare", (
        Claim(r"searches played on 34 trainings.*?\| #", WITHIN_ONE.format("geometric mean"), near(0.05)),
        Claim(r"searches played on 34 trainings.*?\| [^;]*; #", WITHIN_ONE.format("median"), near(0.05)),
    ), quick=("--quick", "--searches", "ours"), same=False, needs="an hour"),
    Script("search/parallel", (
        Claim(r"on 8 simulated workers.*?\| #", r"within 2 full.*\n.*\n.*speculate=7 +#", near(0.05)),
        Claim(r"on 8 simulated workers.*?\| [\d.]+, #", r"within 2 full.*\n(?:.*\n){3}.*as much time +#", near(0.1)),
    ), full=("--repeats", "5"), quick=("--repeats", "1"), same=False, packages=("optuna",)),
    Script("search/backing_off", (
        Claim(r"full runs of 34 trainings.*?\| #", r"at 1 x the best peak: #", near(0.1)),
        Claim(r"full runs of 34 trainings.*?\| [\d.]+, #", r"at 2 x the best peak: #", near(0.15)),
    ), quick=("--quick",), same=False, needs="ten minutes"),
    Script("search/taskset", (
        Claim(r"TaskSet.*?\| #", r"mean regret: search #", near(0.05, 0.01)),
        Claim(r"TaskSet.*?\| [\d.]+; #", r"mean regret: .*?best of 32 #", near(0.05, 0.01)),
    ), full=("--data", "{data}/../taskset"), needs="TaskSet's tables beside the loss curves: --data FOLDER"),
    Script("search/held_out", (
        Claim(r"94 trainings without tables.*?\| #", r"median +[\d.]+ +#", near(0.02)),
        Claim(r"94 trainings without tables.*?\| [\d.]+, #", r"median +[\d.]+ +[\d.]+ +#", near(0.02)),
    ), needs="some hours"),
    Script("search/laws_small", (
        Claim(r"13 small trainings.*?\| #", r"13 small trainings at .*? error #", near(0.1)),
        Claim(r"13 small trainings.*?\| [\d.]+; #%", r"13 small trainings at .*? cover #%", near(0, 8.0)),
    ), quick=("--quick",), same=False, needs="ten minutes"),
    Script("search/live", (
        Claim(r"8 trainings of the tables.*?\| #", r"within 1, live less tables: mean #", near(0, 0.05)),
        Claim(r"8 trainings of the tables.*?\| [-\d.]+, #", r"within 2, live less tables: mean #", near(0, 0.05)),
    ), quick=("--quick",), same=False, needs="an hour"),
)  # fmt: skip


def scripts_of_figures() -> set[str]:
    """The scripts that docs/figures.md names."""
    return set(re.findall(r"`benchmarks/([\w/]+)\.py`", FIGURES.read_text()))
