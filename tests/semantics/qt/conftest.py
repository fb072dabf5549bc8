"""Fixtures of the network layer's tests, and the table of what is not there yet."""

from __future__ import annotations

import pytest

from tests.net.conftest import clock, conversation, make_conversation

__all__ = ["clock", "conversation", "make_conversation"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module's table NOT_YET names its tests of features that are not there yet.

    Such a test turns red as soon as it passes, and then its line in the table has to go.
    """
    for item in items:
        table: dict[str, str] = getattr(getattr(item, "module", None), "NOT_YET", {})
        feature = table.get(getattr(item, "originalname", ""))
        if feature is not None:
            item.add_marker(pytest.mark.xfail(strict=True, reason=f"needs {feature}"))
