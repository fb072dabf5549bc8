"""HTTP's CONNECT (RFC 9110, section 9.3.6) with Basic authentication (RFC 7617).

All that is needed of the answer are its status and where it ends: a library such as h11 would read
the header fields as well, and tell of what follows only how much of it has come. The tests compare
with h11.
"""

from __future__ import annotations

import base64
import re

from qtsecure.errors import SecureError
from qtsecure.net.proxies.negotiation import LINE, Conversation, Negotiation, asciiHost

__all__ = ["HttpConnectNegotiation"]

_Code = SecureError.Code
_START = b"HTTP/1."
_STATUS = re.compile(rb"[01] +([1-9][0-9]{2})[ \r\n]")
_SWITCHING_PROTOCOLS = 101
_LOGIN_DEMANDED = (407, 401)  # tinyproxy says 401 about a wrong password
_TLS = (b"\x15\x03", b"\x16\x03")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class HttpConnectNegotiation(Negotiation):
    """One request. A proxy that demands another kind of authentication than Basic is of no use."""

    def _converse_untrusted(self) -> Conversation:
        host, packed = asciiHost(self.request)
        authority = f"[{host}]:{self.request.port}" if len(packed) == 16 else f"{host}:{self.request.port}"
        login = self._login()
        self._send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{login}\r\n".encode("ascii"))
        status = 100
        while status < 200 and status != _SWITCHING_PROTOCOLS:  # the others only announce the answer
            start = yield len(_START)
            if start != _START:
                raise self._senseless("; it speaks TLS, so let its URI begin with https" if start[:2] in _TLS else "")
            line = yield LINE
            match = _STATUS.match(line)
            if match is None:
                raise self._senseless()
            status = int(match[1])
            # A length that the header may state means nothing after CONNECT (RFC 9110).
            while line not in (b"\r\n", b"\n"):
                line = yield LINE
        if not 200 <= status <= 299:
            raise self._refusal(status, bool(login))

    def _senseless(self, advice: str = "") -> SecureError:
        return self.failure(_Code.ProxyFailed, f"does not answer in HTTP/1.1; check its port and its protocol{advice}")

    def _login(self) -> str:
        user, password = self.request.userName, self.request.password
        if user is None or password is None:
            return ""
        if ":" in user or _CONTROL.search(user + password):
            raise self.failure(
                _Code.ProxyFailed,
                "was not asked: HTTP knows no user name with a colon, and neither name nor password with a control "
                "character",
            )
        return f"Proxy-Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}\r\n"

    def _refusal(self, status: int, hasLogin: bool) -> SecureError:
        if status == 403:
            text = f"does not allow connections to {self.request.target}; ask its administrator"
            return self.failure(_Code.ProxyNotAllowed, text)
        if status not in _LOGIN_DEMANDED:
            return self.failure(
                _Code.ProxyFailed, f"did not connect to {self.request.target}: it answered with HTTP status {status}"
            )
        if hasLogin:
            return self.failure(_Code.ProxyAuthFailed, "does not accept the user name and the password; check them")
        return self.failure(_Code.ProxyNeedAuth, "demands a user name and a password; put them into its URI")
