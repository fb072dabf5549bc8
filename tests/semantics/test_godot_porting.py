"""docs/porting/godot-packetpeerdtls.md has every member of Godot's classes, and each counterpart exists."""

from __future__ import annotations

import re

import pytest

import qtsecure
from tests.semantics.tables import ROOT

PAGE = (ROOT / "docs" / "porting" / "godot-packetpeerdtls.md").read_text("utf-8")

# Godot 4.6: methods, properties and constants that scripts see.
MEMBERS = {
    "PacketPeerDTLS": (
        *("connect_to_peer", "disconnect_from_peer", "get_status", "poll"),
        *("STATUS_DISCONNECTED", "STATUS_HANDSHAKING", "STATUS_CONNECTED", "STATUS_ERROR"),
        "STATUS_ERROR_HOSTNAME_MISMATCH",
    ),
    "PacketPeer": (
        *("get_available_packet_count", "get_packet", "get_packet_error", "get_var", "put_packet", "put_var"),
        "encode_buffer_max_size",
    ),
    "DTLSServer": ("setup", "take_connection"),
    "UDPServer": (
        *("get_local_port", "is_connection_available", "is_listening", "listen", "poll", "stop", "take_connection"),
        "max_pending_connections",
    ),
    "TLSOptions": (
        *("client", "client_unsafe", "server", "is_server", "is_unsafe_client"),
        *("get_common_name_override", "get_own_certificate", "get_private_key", "get_trusted_ca_chain"),
    ),
}
ROW = re.compile(r"^\| `(\w+)` \| `([\w.]+)` \|", re.MULTILINE)
NAMED = re.compile(r"`((?:DtlsPeer|DtlsServer|TlsOptions)(?:\.\w+)+)`")


def section(name: str) -> str:
    """The part of the page about one class."""
    match = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert match is not None
    return match[1]


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_has_a_row(name: str) -> None:
    """Once."""
    assert sorted(member for member, _ in ROW.findall(section(name))) == sorted(MEMBERS[name])


@pytest.mark.parametrize("path", sorted(set(NAMED.findall(PAGE))))
def test_every_counterpart_exists(path: str) -> None:
    """Under this name, whatever it is."""
    value: object = qtsecure
    for part in path.split("."):
        value = getattr(value, part)


def test_counterparts_are_named() -> None:
    """The test above sees the rows."""
    rows = [counterpart for name in MEMBERS for _, counterpart in ROW.findall(section(name))]
    assert len(rows) == sum(map(len, MEMBERS.values()))
    assert set(rows) <= set(NAMED.findall(PAGE))
