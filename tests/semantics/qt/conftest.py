"""Fixtures of the network layer's tests."""

from __future__ import annotations

from tests.net.conftest import clock, conversation, make_conversation

__all__ = ["clock", "conversation", "make_conversation"]
