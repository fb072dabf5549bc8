"""Which key shares a client sends in its hello (RFC 8446, section 4.2.8).

OpenSSL sends two, for X25519MLKEM768 and for X25519, as it cannot know whether the server takes the
first. A server that has agreed on the first will most likely do so again, so its place is remembered,
and the next hello to it has one share only, which saves making a key. All groups are
offered as before: a server that has changed its mind asks for another share (HelloRetryRequest),
which costs a round trip once, and is not remembered any more.

Only the best group is ever predicted. With a share of a weaker one alone, a server that knows the
better one meanwhile might choose the weaker, to save the round trip.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from OpenSSL import SSL

from qtsecure.engine import _openssl
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.protocols import ProtocolVersion

__all__ = ["forget_key_share", "learn_key_share", "predict_key_share"]

_BEST: Final = "X25519MLKEM768"
_MAX_PLACES: Final = 1024
_TLS_1_3 = ProtocolVersion.TLS_1_3

# The places of servers, the oldest first. Each call of its methods is atomic, so it needs no lock, which
# a fork could leave locked; whatever races could lose is one prediction.
_agreed: OrderedDict[str, None] = OrderedDict()


def predict_key_share(connection: SSL.Connection, configuration: TlsConfiguration, place: str) -> None:
    """Let the hello of a client have one key share, if the server there has agreed on its group before.

    Args:
        connection: Whose handshake has not begun.
        configuration: Of the client. A program that names groups gets what it asks for.
        place: Where the server is, for example ``"host:443"``; empty where the front end does not know it.
    """
    if place in _agreed and _is_default(configuration):
        _openssl.send_share_of_best_group(connection)


def learn_key_share(configuration: TlsConfiguration, place: str, group: str) -> None:
    """Remember which group the server there has agreed on.

    Args:
        configuration: As above.
        place: As above.
        group: The name of the group that the handshake has used.
    """
    if group != _BEST:
        forget_key_share(configuration, place)
    elif place and place not in _agreed and _is_default(configuration):
        _agreed[place] = None
        if len(_agreed) > _MAX_PLACES:
            _agreed.popitem(last=False)


def forget_key_share(configuration: TlsConfiguration, place: str) -> None:
    """A handshake with the server there has failed: the hello may have been the reason."""
    if _is_default(configuration):
        _agreed.pop(place, None)


def _is_default(configuration: TlsConfiguration) -> bool:
    """Whether there are key shares at all, and OpenSSL chooses them; DTLS 1.2 and TLS 1.2 have none."""
    return configuration.maximum_version is _TLS_1_3 and not configuration.groups
