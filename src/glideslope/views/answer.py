"""The answer of a search, in the order in which a person reads: what to do, how sure that is, what it beat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.text import Text

from glideslope.escape import html, visible

TERMS = {
    "peak": "the largest rate of a run, where the factor of its schedule is 1",
    "updates": "how many times the optimizer changes the weights in a run",
    "loss": "the validation loss that a run ends with, or its least where a full run stops there; lower is better",
    "untrained": "the validation loss before the first update",
    "predicted": "where the loss of the full run lies in nine of ten trainings, by the short runs",
    "in …% of trainings": "the share of the trainings that the search was measured on, after searches as long",
    "short run": "a complete run of fewer updates, its schedule compressed, made to compare peaks",
    "full run": "a run of all updates; of several the best is the answer",
    "± s.e.": "the standard error of the mean loss over the seeds",
    "updates to": "the updates after which the validation loss is first as low as that; the median over the seeds",
    "predicted loss": "what the law predicts for the end of a run, or after so many updates of it",
    "low, high": "the ends of the interval in which the loss is expected",
    "peak to try": "the peak that the sweeps suggest for a training",
    "steepest": "the rate at which the loss falls fastest in a sweep; the median over the sweeps",
    "minimum": "the rate at which the loss is lowest in a sweep",
    "largest stable": "the largest rate before the loss rises for good in a sweep",
    "sweep": "updates at rates that rise from very small to very large, from the untrained weights",
    "fall; noise": "how far the smoothed loss falls in a sweep; the standard deviation of the loss of one batch",
}
"""A line for each number that is shown."""


@dataclass(frozen=True)
class Answer:
    """The answer of a search."""

    do: str  # what to do, in a line
    sure: tuple[str, ...]  # how sure that is, a sentence each
    beaten: tuple[str, ...]  # what it beat
    cost: str  # what the search took
    terms: tuple[str, ...]  # the names in `TERMS` of the numbers that are shown
    confirm: str = ""  # a command that measures more, if there is one

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Each part with its heading, what to do left out."""
        named = (("How sure", self.sure), ("What it beat", self.beaten), ("Cost", (self.cost,)),
                 ("Confirm with", (self.confirm,)))  # fmt: skip
        return [(name, " ".join(filter(None, sentences))) for name, sentences in named if any(sentences)]


def first(line: str) -> Text:
    """The first line, for a terminal."""
    return Text(visible(line), style="bold")


def made_again(updates: int) -> str:
    """A sentence on updates that were made again, if any were."""
    return f" {updates:,} more were made again, after a process was lost." if updates else ""


def drawn(answer: Answer) -> list[Text]:
    """The answer for a terminal."""
    shown = [first(answer.do), Text("")]
    shown += [Text.assemble((f"{name}: ", "dim"), visible(text)) for name, text in answer.parts]
    return [*shown, Text("")]


def glossary(terms: Iterable[str]) -> list[Text]:
    """A line for each number, for a terminal."""
    return [Text(""), *(Text(f"{term}: {TERMS[term]}", style="dim") for term in terms)]


def in_html(answer: Answer) -> str:
    """The answer for a page or a notebook."""
    parts = "".join(f"<dt>{html(name)}</dt><dd>{html(text)}</dd>" for name, text in answer.parts)
    do = f'<p class="do"><strong>{html(answer.do)}</strong></p>'
    return f'<div class="answer">{do}<dl class="says">{parts}</dl></div>'
