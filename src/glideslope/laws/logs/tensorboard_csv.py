"""What TensorBoard's page downloads: a metric a file, named by the file."""

from __future__ import annotations

import re

from glideslope.errors import LawError
from glideslope.laws.logs.delimited import header, table
from glideslope.laws.logs.format import Format
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Table

_NAME = re.compile(r"run-(.*)-tag-(.*)")


def _tables(source: Source) -> list[Table] | None:
    """
    Raises:
        LawError: the name of the file says no metric.
    """
    if (
        not source.content[:32]
        .removeprefix(b"\xef\xbb\xbf")
        .lower()
        .startswith((b"wall time,step,value", b'"wall time"'))
    ):
        return None
    if [name.lower() for name in header(source)] != ["wall time", "step", "value"]:
        return None
    stem = source.path.name.removesuffix(".gz").removesuffix(".csv")
    stem = re.sub(r" ?\(\d+\)$", "", stem)  # downloaded again
    match = _NAME.fullmatch(stem)
    breaks = re.finditer(r"^|[-_. ]+", stem)
    splits = [match.groups()] if match else [(stem[: at.start()], stem[at.end() :]) for at in breaks]
    chosen = next((split for split in splits if source.labels.measures(split[1])), splits[0] if match else None)
    if chosen is None:
        raise LawError(f"{source.path}: its name doesn't say which metric it has: call it run-NAME-tag-lr.csv, say")
    run, tag = chosen
    whole = table(source)
    step, value = ([*whole.columns.values()][i] for i in (1, 2))
    return [Table({"epoch" if tag.startswith("epoch_") else "step": step, tag: value}, run, False, whole.notes)]


FORMAT = Format("TensorBoard (event files, and what its page downloads)", _tables)
