"""Cancellable: once is enough."""

from __future__ import annotations

import pytest

from qtsecure import Cancellable, SecureError
from qtsecure.net.cancellable import refuseCancelled


def test_it_tells_once() -> None:
    """A second cancel() says nothing new."""
    cancellable = Cancellable()
    told: list[None] = []
    cancellable.cancelled.connect(lambda: told.append(None))
    assert not cancellable.isCancelled()
    cancellable.cancel()
    cancellable.cancel()
    assert cancellable.isCancelled()
    assert told == [None]


def test_operations_refuse_to_begin_when_it_is_cancelled() -> None:
    """None and a fresh one let them; what is no Cancellable is an error of its own."""
    cancellable = Cancellable()
    refuseCancelled(None)
    refuseCancelled(cancellable)
    cancellable.cancel()
    with pytest.raises(SecureError) as caught:
        refuseCancelled(cancellable)
    assert caught.value.code is SecureError.Code.Cancelled
    with pytest.raises(TypeError, match="cancellable must be a Cancellable, not str"):
        refuseCancelled("now")  # type: ignore[arg-type]  # that is the mistake
