"""Fixtures of the tests of proxies."""

from __future__ import annotations

from tests.net.conftest import clock
from tests.net.proxies.conftest import makeRig

__all__ = ["clock", "makeRig"]
