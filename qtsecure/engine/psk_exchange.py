"""The pre-shared keys of one handshake: who was asked for which, and what became of them."""

from __future__ import annotations

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.psk import PreSharedKey

__all__ = ["PskExchange", "suites_for"]

_MOST_IDENTITIES = 16
"""For how many identities of one client the application is asked; a hello has room for thousands."""


class PskExchange:
    """Asks the decisions object, and keeps its answer as long as the handshake needs it.

    Attributes:
        given: Whether the last answer was a key.
        claimed: Whether any answer was one.
    """

    __slots__ = ("_answer", "_decisions", "_question", "_questions", "claimed", "given")

    def __init__(self, decisions: HandshakeDecisions) -> None:
        self._decisions = decisions
        self._question: bytes | None = None
        self._answer: PreSharedKey | None = None
        self._questions = 0
        self.given = self.claimed = False

    @property
    def asked(self) -> bool:
        """Whether there is an answer, be it a key or none."""
        return self._question is not None

    @property
    def answer(self) -> PreSharedKey | None:
        """The key that is there now."""
        return self._answer

    def for_server(self, hint: bytes) -> PreSharedKey | None:
        """Ask once: TLS 1.3 asks before the hello, TLS 1.2 again only if it has a hint to add."""
        if self._question is None or (hint and hint != self._question):
            self._keep(hint, self._decisions.psk_for_server(hint))
        return self._answer

    def for_client(self, identity: bytes) -> PreSharedKey | None:
        """Look the client's key up, once: a second hello brings the same identity again."""
        if identity != self._question:
            self._questions += 1
            known = self._questions <= _MOST_IDENTITIES
            self._keep(identity, self._decisions.psk_for_client(identity) if known else None)
        return self._answer

    def forget(self) -> None:
        """Overwrite the key: it has served."""
        if self._answer is not None:
            self._answer.wipe()
        self._question = self._answer = None

    def _keep(self, question: bytes, answer: PreSharedKey | None) -> None:
        self.forget()
        self._question, self._answer = question, answer
        self.given = answer is not None
        self.claimed = self.claimed or self.given


def suites_for(configuration: TlsConfiguration, key: PreSharedKey) -> tuple[str, ...]:
    """The suites of TLS 1.3 that the key can be used with; none when the key is not for TLS 1.3."""
    if not key.usable:
        return ()
    return tuple(name for name in configuration.tls13_suites if name.endswith(key.hash_algorithm.value))
