"""Asking resolvers."""

from __future__ import annotations

from qtsecure.errors import SecureError
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.proxies.resolver import ProxyResolver
from tests.net.conversation import spin


def answerOf(resolver: ProxyResolver, uri: str, cancellable: Cancellable | None = None) -> list[str] | SecureError:
    """What lookup() calls back with, which has to come later and once."""
    answers: list[list[str] | SecureError] = []
    resolver.lookup(uri, answers.append, cancellable)
    assert answers == []
    spin(lambda: answers != [])
    (answer,) = answers
    return answer


def proxiesOf(resolver: ProxyResolver, uri: str) -> list[str]:
    """The proxies; raises the error if there is one."""
    answer = answerOf(resolver, uri)
    if isinstance(answer, SecureError):
        raise answer
    return answer
