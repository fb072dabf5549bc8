"""Fixtures of the tests of Gio's semantics."""

from __future__ import annotations

from tests.net.conftest import clock, make_conversation
from tests.net.dtls.conftest import conversation

__all__ = ["clock", "conversation", "make_conversation"]
