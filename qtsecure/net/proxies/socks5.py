"""SOCKS 5 (RFC 1928), without authentication or with user name and password (RFC 1929).

Written here because it is a few dozen bytes, and the one library for it that does no I/O, socksio,
has had no release since 2020.
"""

from __future__ import annotations

from qtsecure.errors import SecureError
from qtsecure.net.proxies.negotiation import Conversation, Negotiation, asciiHost, limited

__all__ = ["Socks5Negotiation"]

_Code = SecureError.Code
_VERSION = 5
_CONNECT = 1
_NO_AUTHENTICATION, _USER_AND_PASSWORD, _NOTHING_ACCEPTABLE = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_LOGIN_VERSION = 1

# RFC 1928, section 6; what is not here is ProxyFailed.
_REPLIES = {
    1: (_Code.ProxyFailed, "reports a general failure and did not connect to {}"),
    2: (_Code.ProxyNotAllowed, "does not allow connections to {}; ask its administrator"),
    3: (_Code.NetworkUnreachable, "cannot reach the network of {}"),
    4: (_Code.HostUnreachable, "cannot reach the host {}"),
    5: (_Code.ConnectionRefused, "was refused the connection to {}: nothing listens there"),
    6: (_Code.HostUnreachable, "cannot reach the host {}: the time to live expired on the way"),
    7: (_Code.ProxyFailed, "does not know the command CONNECT and cannot be used for {}"),
    8: (_Code.ProxyFailed, "does not know the type of the address {}"),
}


class Socks5Negotiation(Negotiation):
    """Names go to the proxy as names, in ASCII; addresses as addresses."""

    def _converse_untrusted(self) -> Conversation:
        request = self.request
        destination = self._destination()  # what cannot be said is refused before anything is sent
        login = self._login() if (request.userName, request.password) != (None, None) else b""
        methods = (_NO_AUTHENTICATION, _USER_AND_PASSWORD) if login else (_NO_AUTHENTICATION,)
        self._send(bytes((_VERSION, len(methods), *methods)))
        version, method = yield 2
        self._checkVersion(version)
        if method == _USER_AND_PASSWORD and login:
            self._send(login)
            version, status = yield 2
            if version != _LOGIN_VERSION or status != 0:
                raise self.failure(_Code.ProxyAuthFailed, "does not accept the user name and the password; check them")
        elif method != _NO_AUTHENTICATION:
            raise self._unusable(method, bool(login))
        self._send(bytes((_VERSION, _CONNECT, 0)) + destination + request.port.to_bytes(2, "big"))
        version, reply, reserved, kind = yield 4
        self._checkVersion(version)
        if reply != 0:
            code, text = _REPLIES.get(
                reply, (_Code.ProxyFailed, f"did not connect to {{}}, for the unknown reason {reply}")
            )
            raise self.failure(code, text.format(request.target))
        if reserved != 0:
            raise self._senseless()
        # The address that the proxy uses; nobody needs it, but the destination's bytes begin behind it.
        if kind == _NAME:
            (size,) = yield 1
        elif kind in (_IPV4, _IPV6):
            size = 4 if kind == _IPV4 else 16
        else:
            raise self._senseless()
        yield size + 2

    def _destination(self) -> bytes:
        text, packed = asciiHost(self.request)
        if packed:
            return bytes((_IPV4 if len(packed) == 4 else _IPV6,)) + packed
        name = limited(self.request, text, "host name")
        return bytes((_NAME, len(name))) + name

    def _login(self) -> bytes:
        user = limited(self.request, self.request.userName or "", "user name")
        password = limited(self.request, self.request.password or "", "password")
        return bytes((_LOGIN_VERSION, len(user))) + user + bytes((len(password),)) + password

    def _checkVersion(self, version: int) -> None:
        if version != _VERSION:
            raise self._senseless()

    def _senseless(self) -> SecureError:
        return self.failure(_Code.ProxyFailed, "does not speak SOCKS 5; check its port and its protocol")

    def _unusable(self, method: int, hasLogin: bool) -> SecureError:
        if not hasLogin and method in (_USER_AND_PASSWORD, _NOTHING_ACCEPTABLE):
            return self.failure(_Code.ProxyNeedAuth, "demands a user name and a password; put them into its URI")
        return self.failure(_Code.ProxyAuthFailed, "demands a kind of authentication that is not supported")
