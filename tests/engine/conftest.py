"""Fixtures for the engine's tests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest
from OpenSSL._util import ffi, lib

from qtsecure.engine import _openssl_pipes
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.testing.pki import PublicKeyInfrastructure


@pytest.fixture
def pki(qtsecure_pki: PublicKeyInfrastructure) -> PublicKeyInfrastructure:
    """Throw-away certificates, made once for the session."""
    return qtsecure_pki


@pytest.fixture(params=["raw", "public"])
def engine_path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on direct calls into OpenSSL and on pyOpenSSL's public methods."""
    before = _openssl_pipes._raw_path_wanted
    _openssl_pipes.use_raw_path(request.param == "raw")
    yield request.param
    _openssl_pipes.use_raw_path(before)


CALLS = (
    "start",
    "receive",
    "receive_landed",
    "receive_end",
    "receive_and_read",
    "read",
    "write",
    "write_and_take",
    "take_outgoing",
    "accept_certificate",
    "reject_certificate",
    "close",
    "cut_off",
    "peer_certificates",
    "export_keying_material",
    "provide_configuration",
    "refuse_name",
    "provide_certificate",
    "channel_binding",
)


@pytest.fixture(autouse=True)
def clean_error_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test does: no call of a stream leaves an entry in OpenSSL's error queue of the thread.

    The next call, perhaps for another connection, would find it and could take it for its own.
    """

    def checked(name: str) -> Callable[..., object]:
        original = getattr(TlsStream, name)

        @functools.wraps(original)
        def call(stream: TlsStream, *arguments: object, **options: object) -> object:
            foreign = lib.ERR_peek_error()  # what the test itself has put there
            try:
                return original(stream, *arguments, **options)
            finally:
                if not foreign and not stream.busy:  # inside a callback the queue is OpenSSL's
                    code = lib.ERR_peek_error()
                    lib.ERR_clear_error()
                    assert code == 0, f"{name}() left {ffi.string(lib.ERR_reason_error_string(code))!r} behind"

        return call

    for name in CALLS:
        monkeypatch.setattr(TlsStream, name, checked(name))
