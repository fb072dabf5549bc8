"""Pre-shared keys in memory, which answer the question for them."""

from __future__ import annotations

from PySide6.QtCore import QObject

from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.values import PreSharedKeyAuthenticator
from qtsecure.net.values.arguments import octets

__all__ = ["PreSharedKeys"]


class PreSharedKeys(QObject):
    """Answers ``preSharedKeyAuthenticationRequired`` from what users or the program have put in.

    A client uses the identity that was remembered last, or the one that :meth:`choose` names; a server looks
    for the identity of its client. Keys are overwritten when they are forgotten, and appear in no text.
    They are not stored: keep them in the system's key ring, and put them in at the start.

    Args:
        parent: The Qt parent.
    """

    #: keyMissing(hint: str): there was no key; on a client the server's hint, on a server the client's
    #: identity. The handshake fails, unless the peer's certificate suffices; with VerifyNone any does, so call abort()
    #: of the connection then. Do not wait in this slot: ask the user with open() and connect again.
    keyMissing = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._keys: dict[bytes, bytearray] = {}
        self._chosen = b""

    def remember(self, identity: str | bytes, key: bytes | bytearray) -> None:
        """Keep a key; for clients it becomes the one to use.

        Args:
            identity: Its name; text is sent as UTF-8.
            key: It is copied: overwrite your own.

        Raises:
            TypeError: An argument is of another type.
            ValueError: The identity is empty, or one of them does not fit into a handshake.
        """
        name = octets(identity, "identity")
        if not name:
            raise ValueError("identity must not be empty.")
        # Refuses what could not be used later, with its reason.
        trial = PreSharedKeyAuthenticator(binaryIdentity=True)
        try:
            trial.setIdentity(name)
            trial.setPreSharedKey(key)
        finally:
            trial.wipe()
        self.forget(name)
        self._keys[name] = bytearray(key)
        self._chosen = name

    def choose(self, identity: str | bytes) -> None:
        """Let clients use another of the remembered identities.

        Raises:
            ValueError: It is not remembered.
        """
        name = octets(identity, "identity")
        if name not in self._keys:
            raise ValueError("identity is not remembered.")
        self._chosen = name

    def identities(self) -> list[bytes]:
        """Return the names of what is remembered."""
        return list(self._keys)

    def forget(self, identity: str | bytes) -> None:
        """Overwrite a key, and let it go; harmless when there is none."""
        name = octets(identity, "identity")
        key = self._keys.pop(name, None)
        if key is not None:
            key[:] = bytes(len(key))
        if name == self._chosen:
            self._chosen = b""

    def forgetAll(self) -> None:
        """Overwrite all keys, and let them go."""
        for name in list(self._keys):
            self.forget(name)

    def answer(
        self,
        authenticator: PreSharedKeyAuthenticator | QObject,
        authenticatorToServer: PreSharedKeyAuthenticator | None = None,
    ) -> None:
        """Give identity and key; a slot for ``preSharedKeyAuthenticationRequired``.

        Args:
            authenticator: The question; with a server's signal the connection, which is not looked at.
            authenticatorToServer: With a server's signal, the question.
        """
        asked = authenticator if authenticatorToServer is None else authenticatorToServer
        if not isinstance(asked, PreSharedKeyAuthenticator):
            raise TypeError(f"authenticator must be a PreSharedKeyAuthenticator, not {type(asked).__name__}.")
        asksServer = asked.maximumIdentityLength() == 0
        name = bytes(asked.identity().data()) if asksServer else self._chosen
        key = self._keys.get(name)
        if key is None:
            shown = name if asksServer else bytes(asked.identityHint().data())
            self.keyMissing.emit(shown.decode("utf-8", "replace"))
            return
        if not asksServer:
            asked.setIdentity(name)
        asked.setPreSharedKey(key)
