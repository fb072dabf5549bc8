"""One target of the fuzzer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CORPUS", "Target", "frozen", "pieces"]

CORPUS = Path(__file__).parents[1] / "corpus"


@dataclass(frozen=True)
class Target:
    """A parser, or several that get the same bytes.

    Attributes:
        name: Of the target, and of the directory with its corpus.
        run: Feeds the input, and asserts what must hold for every one.
        allowed: The exceptions that are documented; any other one is a bug.
        seeds: What the corpus began with, the same bytes each time.
        words: What the parsers look for.
        der: Whether the inputs are DER.
        share: How many of the executions it gets, compared with the others; less for slow ones.
        grows: What is repeated to get a large input, see ``test_large_inputs``.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    allowed: tuple[type[Exception], ...] = ()
    words: tuple[bytes, ...] = ()
    der: bool = False
    share: float = 1.0
    grows: tuple[bytes, ...] = ()

    def outcome(self, data: bytes) -> str:
        """Run it once; the name of the documented exception, or "ok".

        A subclass, such as UnicodeError where ValueError is documented, is not what was documented.
        """
        try:
            self.run(data)
        except self.allowed as error:
            if type(error) not in self.allowed:
                raise
            return type(error).__name__
        return "ok"

    def corpus(self) -> list[bytes]:
        """The saved inputs."""
        return [path.read_bytes() for path in self.files()]

    def files(self) -> list[Path]:
        """Where they are, in a fixed order."""
        return sorted(CORPUS.joinpath(self.name).iterdir())


def frozen(place: str) -> bytes:
    """A seed that cannot be made again, because there is a random salt or the time in it."""
    return CORPUS.joinpath(place).read_bytes()


def pieces(data: bytes) -> list[bytes]:
    """The same bytes as a network may bring them, cut at places that depend on nothing but them."""
    step = 1 + (sum(data[:64]) + len(data)) % 37
    return [data[begin : begin + step] for begin in range(0, len(data), step)]
