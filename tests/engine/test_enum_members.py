"""Members without their enum."""

from __future__ import annotations

import pytest

from qtsecure.engine.enum_members import members_of
from qtsecure.engine.states import StreamState


def test_the_members_are_the_same_objects() -> None:
    """So that ``is`` works, whoever has named them."""
    members = members_of(StreamState)
    assert vars(members) == dict(StreamState.__members__)
    assert members.ESTABLISHED is StreamState.ESTABLISHED


def test_there_is_nothing_else() -> None:
    """A typing error is noticed."""
    with pytest.raises(AttributeError):
        _ = members_of(StreamState).ESTABLISHD  # type: ignore[attr-defined]  # the mistake under test
