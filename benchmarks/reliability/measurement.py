"""One measured value and the target that it has to meet: what tests record and the scoreboard judges."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Measurement", "Sense"]

Sense = Literal["none", "at most", "at least"]
_NUMBER_OF_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A value and its target.

    Attributes:
        figure: The name of the figure, such as "R3".
        what: What was measured; the same words in every test that measures the same thing.
        value: The number.
        sense: "none" for a count of what must not be; else the side of the limit on which the value has to be.
        limit: The limit; 0 for "none".
        unit: Of value and limit.
        of: In how many cases it was looked for; 0 where nothing is counted.
        variant: Which of several tests this is, such as "reactor"; shown beside the worst value.
        noisy: Other work on the machine changes it, so that only the scoreboard, which wants a quiet one, judges it.
    """

    figure: str
    what: str
    value: float
    sense: Sense
    limit: float = 0
    unit: str = ""
    of: int = 0
    variant: str = ""
    noisy: bool = False

    def __post_init__(self) -> None:
        # Counts are added up: one below zero would hide another's.
        if self.sense == "none" and self.value < 0:
            raise ValueError(f"{self.what}: {self.value} is no count.")

    @property
    def met(self) -> bool:
        """Whether the value is on the right side of its limit; one that is no number is on neither."""
        return self.value >= self.limit if self.sense == "at least" else self.value <= self.limit

    def worse(self, other: Measurement) -> bool:
        """Whether this value is worse than that of another measurement of the same thing."""
        if math.isnan(other.value):
            return False
        return not (self.value >= other.value if self.sense == "at least" else self.value <= other.value)

    @property
    def measured(self) -> str:
        """The value as text, with its unit and the number of cases."""
        return f"{number(self.value)}{spaced(self.unit)}" + (f" of {self.of:,}" if self.of else "")

    @property
    def target(self) -> str:
        """The target as text."""
        return self.sense if self.sense == "none" else f"{self.sense} {number(self.limit)}{spaced(self.unit)}"

    def __str__(self) -> str:
        variant = f" ({self.variant})" if self.variant else ""
        return f"{self.figure} {self.what}{variant}: {self.measured} (target: {self.target})"

    def toJson(self) -> dict[str, Any]:
        """For a file; :meth:`fromJson` is the way back."""
        return {**asdict(self), "met": self.met}

    @classmethod
    def fromJson(cls, fields: dict[str, Any]) -> Measurement:
        """From what :meth:`toJson` has made."""
        return cls(**{name: value for name, value in fields.items() if name != "met"})


def number(value: float) -> str:
    """A number with three digits that count: 0.084, 1.07, 229, 88,012."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{_NUMBER_OF_DIGITS}g}"


def spaced(unit: str) -> str:
    """The unit with what stands before it: ``12 ms``, but ``12/s``."""
    return unit if not unit or unit.startswith("/") else f" {unit}"
