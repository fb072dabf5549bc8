"""What is fuzzed: each parser of bytes that somebody else may have written, with the exceptions that it may raise."""

from __future__ import annotations

from tests.fuzz.targets.certificates import CERTIFICATES
from tests.fuzz.targets.files import FILES
from tests.fuzz.targets.proxies import PROXIES
from tests.fuzz.targets.target import Target
from tests.fuzz.targets.texts import TEXTS
from tests.fuzz.targets.values import VALUES
from tests.fuzz.targets.wire import WIRE

__all__ = ["TARGETS", "Target"]

TARGETS: tuple[Target, ...] = (*WIRE, *CERTIFICATES, *FILES, *PROXIES, *VALUES, *TEXTS)
