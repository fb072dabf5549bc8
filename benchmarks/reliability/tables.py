"""The scoreboard as text, as Markdown, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reliability.measurement import Measurement
from benchmarks.reliability.verdicts import MET, MISSED, NOT_RUN, Verdict

__all__ = ["Circumstances", "asJson", "asText", "hasTable", "replaceTable"]

BEGIN = "<!-- scoreboard: made by the command below -->"
END = "<!-- end of the scoreboard -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a run needs to be understood and repeated.

    Attributes:
        command: The command, with the seed.
        date: When it began.
        machine: What it ran on.
        load: How busy the machine was before and after.
        seed: Where all chance came from.
        seconds: How long it took.
    """

    command: str
    date: str
    machine: str
    load: str
    seed: int
    seconds: float

    @property
    def sentences(self) -> str:
        """In words."""
        return (
            f"Made on {self.date} by `{self.command}` in {self.seconds / 60:.1f} minutes, with a load of {self.load}, "
            f"on {self.machine}."
        )


def asText(verdicts: Sequence[Verdict], circumstances: Circumstances) -> str:
    """For a terminal."""
    rows = [("figure", "what", "measured", "target", "")]
    for verdict in verdicts:
        cells = list(_rows(verdict))
        rows.append((verdict.name, verdict.entry.title, "", "", _result(verdict)))
        rows += [("", f"  {what}", measured, target, result) for what, measured, target, result in cells]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    text = [" ".join(f"{cell:{width}}" for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows]
    return "\n".join([*text, "", summary(verdicts), circumstances.sentences.replace("`", "")])


def summary(verdicts: Iterable[Verdict]) -> str:
    """How many figures met their targets."""
    results = [verdict.result for verdict in verdicts]
    return ", ".join(f"{results.count(kind)} {kind}" for kind in (MET, MISSED, NOT_RUN))


def _result(verdict: Verdict) -> str:
    return "; ".join([verdict.result, *verdict.reasons])


def _rows(verdict: Verdict) -> Iterable[tuple[str, str, str, str]]:
    for line in verdict.lines:
        yield line.what, _measured(line), line.target, "" if line.met else MISSED


def _measured(line: Measurement) -> str:
    return line.measured + (f" ({line.variant})" if line.variant else "")


def asMarkdown(verdicts: Sequence[Verdict], circumstances: Circumstances) -> str:
    """For a document."""
    text = ["| | what, and how it is measured | measured | target | |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        lines = [f"{what}: {measured}" for what, measured, _, _ in _rows(verdict)]
        targets = [target for *_, target, _ in _rows(verdict)]
        about = f"**{verdict.entry.title}.** {verdict.entry.method}"
        cells = [verdict.name, about, "<br>".join(lines), "<br>".join(targets), _result(verdict)]
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join([*text, "", f"{summary(verdicts).capitalize()}. {circumstances.sentences}"])


def hasTable(path: Path) -> bool:
    """Whether a document has the marks between which the table belongs."""
    text = path.read_text("utf-8") if path.exists() else ""
    return text.count(BEGIN) == text.count(END) == 1


def replaceTable(path: Path, verdicts: Sequence[Verdict], circumstances: Circumstances) -> None:
    """Put the table between the marks of a document, which has to have them."""
    text = path.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{asMarkdown(verdicts, circumstances)}\n{END}{after}", "utf-8")


def asJson(verdicts: Sequence[Verdict], circumstances: Circumstances) -> dict[str, Any]:
    """For a file: what the table shows, and of each test what it has measured."""
    return {
        "run": {name: getattr(circumstances, name) for name in Circumstances.__slots__},
        "figures": {
            verdict.name: {
                "title": verdict.entry.title,
                "result": verdict.result,
                "reasons": verdict.reasons,
                "seconds": round(verdict.seconds, 1),
                "measurements": [line.toJson() for line in verdict.lines],
                "tests": verdict.tests,
            }
            for verdict in verdicts
        },
    }
