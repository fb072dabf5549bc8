"""SOCKS 4, which takes IPv4 addresses only, and its extension 4A, which takes names."""

from __future__ import annotations

from qtsecure.errors import SecureError
from qtsecure.net.proxies.negotiation import Conversation, Negotiation, asciiHost, limited

__all__ = ["Socks4Negotiation", "Socks4aNegotiation"]

_Code = SecureError.Code
_VERSION = 4
_CONNECT = 1
_GRANTED = 90
_A_NAME_FOLLOWS = bytes((0, 0, 0, 1))

_REFUSALS = {
    91: "refused or failed to connect to {}",
    92: "did not connect to {}: it could not ask this machine's identd who the user is",
    93: "did not connect to {}: this machine's identd names another user",
}


class Socks4Negotiation(Negotiation):
    """The caller has to look up the host, and try each of its IPv4 addresses."""

    def _converse_untrusted(self) -> Conversation:
        request = self.request
        user = limited(request, request.userName or "", "user name")
        if b"\0" in user:
            raise self.failure(_Code.ProxyFailed, "was not asked: SOCKS 4 knows no user name with a zero byte")
        address, name = self._destination()
        self._send(bytes((_VERSION, _CONNECT)) + request.port.to_bytes(2, "big") + address + user + b"\0" + name)
        answer = yield 8
        if answer[0] != 0:
            raise self.failure(_Code.ProxyFailed, "does not speak SOCKS 4; check its port and its protocol")
        if answer[1] != _GRANTED:
            text = _REFUSALS.get(answer[1], f"did not connect to {{}}, for the unknown reason {answer[1]}")
            raise self.failure(_Code.ProxyFailed, text.format(request.target))

    def _destination(self) -> tuple[bytes, bytes]:
        """The address, and the name behind the user's."""
        text, packed = asciiHost(self.request)
        if len(packed) == 16:
            raise self.failure(_Code.ProxyFailed, f"cannot connect to {text}: SOCKS 4 knows no IPv6 addresses")
        if packed:
            return packed, b""
        return self._byName(text)

    def _byName(self, name: str) -> tuple[bytes, bytes]:
        raise self.failure(
            _Code.ProxyFailed, "was not asked: SOCKS 4 knows no names; look the host up, or let it be socks4a"
        )


class Socks4aNegotiation(Socks4Negotiation):
    """The same, but the proxy looks up names."""

    def _destination(self) -> tuple[bytes, bytes]:
        address, name = super()._destination()
        if not name and address[:3] == _A_NAME_FOLLOWS[:3]:
            raise self.failure(
                _Code.ProxyFailed, "was not asked: such an address means in SOCKS 4A that a name follows"
            )
        return address, name

    def _byName(self, name: str) -> tuple[bytes, bytes]:
        return _A_NAME_FOLLOWS, limited(self.request, name, "host name") + b"\0"
