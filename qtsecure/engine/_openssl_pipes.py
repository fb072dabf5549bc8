"""One connection's ``SSL*`` between two memory BIOs, and the memory that passes through them.

Theory of operation:

* A :class:`Pipe` is one ``SSL*`` with two memory BIOs: ciphertext is *fed*, a step is taken,
  ciphertext is *taken*. :class:`RawPipe` calls OpenSSL directly, because pyOpenSSL's ``send`` and
  ``recv`` cost more than the encryption of a small record; :class:`PublicPipe` does the same
  through pyOpenSSL's public methods and is what remains when the raw names are gone.
* :class:`Buffers` are per thread. Their contents are valid only until the next engine call of the
  thread, so nothing may be emitted between filling and emptying them.
"""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Callable
from typing import Any
from weakref import ReferenceType, ref

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl import Hooks, _address, _der, _hooks, _on_info_afterwards

__all__ = [
    "LANDING_SIZE",
    "Buffers",
    "Outcome",
    "Pipe",
    "PublicPipe",
    "RawPipe",
    "buffers_of_this_thread",
    "make_pipe",
    "raw_path_available",
    "use_raw_path",
]

_RAW_PATH = ("SSL_do_handshake", "SSL_read", "SSL_write", "SSL_get_error", "BIO_read", "BIO_write", "ERR_clear_error")

raw_path_available: bool = all(hasattr(lib, name) for name in _RAW_PATH)
# Module globals: an attribute of the binding costs twice as much, and these are called for each message.
_SSL_read: Any = getattr(lib, "SSL_read", None)
_SSL_write: Any = getattr(lib, "SSL_write", None)
_BIO_read: Any = getattr(lib, "BIO_read", None)
_BIO_write: Any = getattr(lib, "BIO_write", None)
_BIO_get_mem_data: Any = getattr(lib, "BIO_get_mem_data", None)
_SSL_do_handshake: Any = getattr(lib, "SSL_do_handshake", None)
_SSL_get_error: Any = getattr(lib, "SSL_get_error", None)
_ERR_clear_error: Any = getattr(lib, "ERR_clear_error", None)
_ERROR_WANT_READ: int = lib.SSL_ERROR_WANT_READ
_unpack: Callable[[Any, int], bytes] = ffi.unpack
_raw_path_wanted = os.environ.get("QTSECURE_RAW_PATH", "1") != "0"

LANDING_SIZE = _CHUNK = 65536
"""How much ciphertext is fed or taken at once: a memory BIO keeps its high-water mark for life."""

_PLAIN_CAPACITY = _OUT_CAPACITY = 4 * _CHUNK
_APPLICATION_DATA = b"\x17\x03\x03"  # how a record begins: its type, and the version it claims
_WANT_CERTIFICATE: int = getattr(lib, "SSL_ERROR_WANT_X509_LOOKUP", 4)


def use_raw_path(wanted: bool) -> None:
    """Switch the raw hot path for connections made from now on (for tests and diagnosis)."""
    global _raw_path_wanted
    _raw_path_wanted = wanted


class Buffers:
    """Reusable memory of one thread for ciphertext in (``landing``) and out, and plaintext."""

    __slots__ = ("landing", "landing_pointer", "landing_view", "out_pointer", "out_view", "plain_pointer")

    def __init__(self) -> None:
        self.landing = landing = bytearray(_CHUNK)
        self.landing_view = memoryview(landing)
        self.landing_pointer = ffi.from_buffer(landing)
        outgoing = bytearray(_OUT_CAPACITY)
        self.out_view = memoryview(outgoing)
        self.out_pointer = ffi.from_buffer(outgoing)
        self.plain_pointer = ffi.new("char[]", _PLAIN_CAPACITY)


# By thread identifier and not threading.local(): Python forgets a thread that another library made
# whenever it returns from Python code. An identifier that is used again finds free buffers.
_per_thread: dict[int, Buffers] = {}


def buffers_of_this_thread() -> Buffers:
    """The buffers of the calling thread, made on first use."""
    buffers = _per_thread.get(threading.get_ident())
    if buffers is None:
        buffers = _per_thread[threading.get_ident()] = Buffers()
    return buffers


class Outcome(enum.Enum):
    """How a step of the engine ended."""

    DONE = "done"
    WANT_READ = "want read"
    MESSAGE = "message"
    """Like WANT_READ, but a message of the handshake was there: read again."""
    WANT_CERTIFICATE = "want certificate"
    """The hooks have still to choose one."""
    CLOSE_NOTIFY = "close_notify"
    FAILED = "failed"


# Naming a member of an enum takes ten times as long as naming a global.
_DONE, _WANT_READ, _CLOSE_NOTIFY, _FAILED = Outcome.DONE, Outcome.WANT_READ, Outcome.CLOSE_NOTIFY, Outcome.FAILED


class Pipe:
    """One ``SSL*`` over two memory BIOs; see the module's theory of operation.

    Attributes:
        connection: pyOpenSSL's object, for everything that is not on the hot path.
        outcome: How the last read() ended.
        reasons: OpenSSL's reason texts after ``Outcome.FAILED``.
        message_seen: Set by the hooks when a message of the handshake is read; read() ends after it.
    """

    __slots__ = ("_address", "_buffers", "connection", "message_seen", "outcome", "reasons")

    def __init__(self, context: SSL.Context, *, server: bool, hooks: Hooks) -> None:
        self._address = 0
        self.connection = SSL.Connection(context, None)
        if server:
            self.connection.set_accept_state()
        else:
            self.connection.set_connect_state()
        self._address = _address(self.connection._ssl)
        _hooks.references[self._address] = ref(hooks)
        self._buffers = buffers_of_this_thread()
        self.reasons: tuple[str, ...] = ()
        self.outcome = Outcome.DONE
        self.message_seen = False

    def __del__(self, references: dict[int, ReferenceType[Hooks]] = _hooks.references) -> None:
        references.pop(self._address, None)

    def feed(self, data: bytes | memoryview) -> None:
        """Give ciphertext from the peer to the engine."""
        raise NotImplementedError

    def feed_landed(self, count: int) -> None:
        """Give the first ``count`` bytes of the landing buffer to the engine."""
        raise NotImplementedError

    def handshake(self) -> Outcome:
        """Take the next steps of the handshake."""
        raise NotImplementedError

    def read(self, limit: int) -> bytes:
        """Decrypt up to ``limit`` bytes; why it stopped is in ``outcome`` (DONE: the limit)."""
        raise NotImplementedError

    def receive(self, count: int, limit: int) -> bytes:
        """feed_landed() and read() in one step (the hot path)."""
        self.feed_landed(count)
        return self.read(limit)

    def write(self, data: bytes) -> Outcome:
        """Encrypt ``data`` (not empty)."""
        raise NotImplementedError

    def send(self, data: bytes) -> memoryview | None:
        """write() and take() in one step (the hot path); None when it failed."""
        return self.take() if self.write(data) is Outcome.DONE else None

    def take(self) -> memoryview:
        """The next ciphertext for the peer; valid until the next engine call of this thread."""
        raise NotImplementedError

    def watch_messages(self) -> None:
        """The handshake is complete: from now on tell the hooks of each handshake message."""
        lib.SSL_set_info_callback(self.connection._ssl, _on_info_afterwards)

    def stop_at_messages(self) -> None:
        """The handshake is complete: from now on a read ends after each message of the handshake.

        Otherwise OpenSSL would go on until there is data, however many messages come before it.
        """
        lib.SSL_clear_mode(self.connection._ssl, lib.SSL_MODE_AUTO_RETRY)

    def is_reading_message(self) -> bool:
        """Inside handshake_message(): whether it is about a message of the peer, and not about an answer."""
        return b" read " in ffi.string(lib.SSL_state_string_long(self.connection._ssl))

    def has_input(self) -> bool:
        """Whether there may be ciphertext that OpenSSL has not taken."""
        return True

    def discard_input(self) -> None:
        """Forget the ciphertext that OpenSSL has not looked at."""
        buffers = self._buffers
        while lib.BIO_read(self.connection._into_ssl, buffers.landing_pointer, len(buffers.landing_view)) > 0:
            pass

    def _after_message(self) -> Outcome:
        """What OpenSSL's WANT_READ means if a message was seen."""
        self.message_seen = False
        return Outcome.MESSAGE

    # Facts about the connection that pyOpenSSL does not offer.

    def session_reused(self) -> bool:
        """Whether the handshake resumed a session or used an external TLS 1.3 PSK."""
        return bool(lib.SSL_session_reused(self.connection._ssl))

    def group_name(self) -> str:
        """The name of the negotiated key-exchange group, or an empty string."""
        return self.connection.get_group_name() or ""

    def peer_certificates(self) -> tuple[bytes, ...]:
        """The peer's chain as DER, leaf first, as it was sent."""
        certificate = self.connection.get_peer_certificate()
        if certificate is None:
            return ()
        leaf = _der(certificate)
        chain = [_der(each) for each in self.connection.get_peer_cert_chain() or []]
        # OpenSSL leaves the leaf out of the chain on the server side only.
        if not chain or chain[0] != leaf:
            chain = [leaf, *chain]
        return tuple(chain)


_ignored_pointer = ffi.new("char **")


class RawPipe(Pipe):
    """The hot path: direct calls into the binding, preallocated buffers."""

    __slots__ = ("_bio_in", "_bio_out", "_ssl")

    def __init__(self, context: SSL.Context, *, server: bool, hooks: Hooks) -> None:
        super().__init__(context, server=server, hooks=hooks)
        self._ssl = self.connection._ssl
        self._bio_in = self.connection._into_ssl
        self._bio_out = self.connection._from_ssl

    def feed(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _CHUNK):
            part = view[start : start + _CHUNK]
            _BIO_write(self._bio_in, ffi.from_buffer(part), len(part))

    def feed_landed(self, count: int) -> None:
        _BIO_write(self._bio_in, self._buffers.landing_pointer, count)

    def has_input(self) -> bool:
        # OpenSSL takes no more than the record that it works on, because nobody has asked it to read ahead.
        return _BIO_get_mem_data is None or _BIO_get_mem_data(self._bio_in, _ignored_pointer) > 0

    def receive(self, count: int, limit: int) -> bytes:
        buffers = self._buffers
        landing = buffers.landing
        _BIO_write(self._bio_in, buffers.landing_pointer, count)
        # When the input was empty and this is exactly one record, reading it leaves nothing: that
        # saves asking OpenSSL once more just to hear WANT_READ, a fifth of a small message's cost.
        # WANT_READ may also mean that half a record was there. What follows then only looks like a
        # whole one by chance; the type and version make that impossible for all purposes.
        if (
            count == 5 + (landing[3] << 8) + landing[4]
            and landing.startswith(_APPLICATION_DATA)
            and self.outcome is _WANT_READ
            and limit > count
        ):
            pointer = buffers.plain_pointer
            size = _SSL_read(self._ssl, pointer, count)
            if size > 0:
                return _unpack(pointer, size)
            self.outcome = self._explain(size)
            return b""
        return self.read(limit)

    def handshake(self) -> Outcome:
        _ERR_clear_error()
        result = _SSL_do_handshake(self._ssl)
        return _DONE if result == 1 else self._explain(result)

    def read(self, limit: int) -> bytes:
        ssl = self._ssl
        pointer = self._buffers.plain_pointer
        if limit > _PLAIN_CAPACITY:
            limit = _PLAIN_CAPACITY
        total = 0
        self.outcome = _DONE
        while total < limit:
            count = _SSL_read(ssl, pointer + total, limit - total)
            if count <= 0:
                self.outcome = self._explain(count)
                break
            total += count
        return _unpack(pointer, total) if total else b""

    def write(self, data: bytes) -> Outcome:
        result = _SSL_write(self._ssl, data, len(data))
        return _DONE if result > 0 else self._explain(result)

    def send(self, data: bytes) -> memoryview | None:
        result = _SSL_write(self._ssl, data, len(data))
        if result <= 0:
            self.outcome = self._explain(result)
            return None
        buffers = self._buffers
        count = _BIO_read(self._bio_out, buffers.out_pointer, _OUT_CAPACITY)
        return buffers.out_view[:count]  # a write leaves something to send

    def take(self) -> memoryview:
        view = self._buffers.out_view
        count = _BIO_read(self._bio_out, self._buffers.out_pointer, _OUT_CAPACITY)
        return view[:count] if count > 0 else view[:0]

    def _explain(self, result: int) -> Outcome:
        error = _SSL_get_error(self._ssl, result)
        if error == _ERROR_WANT_READ:
            return self._after_message() if self.message_seen else _WANT_READ
        if error == lib.SSL_ERROR_ZERO_RETURN:
            return _CLOSE_NOTIFY
        if error == _WANT_CERTIFICATE:
            return Outcome.WANT_CERTIFICATE
        # After a fatal error OpenSSL reports empty queues: keep the first, telling, reasons.
        reasons = _drain_error_queue()
        self.reasons = self.reasons or reasons
        return _FAILED


def _drain_error_queue() -> tuple[str, ...]:
    reasons: list[str] = []
    while code := lib.ERR_get_error():
        text = lib.ERR_reason_error_string(code)
        reasons.append(ffi.string(text).decode("ascii", "replace") if text != ffi.NULL else f"error {code}")
    return tuple(reasons)


class PublicPipe(Pipe):
    """The same through pyOpenSSL's public methods: slower, for when the raw names are missing."""

    __slots__ = ()

    def feed(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _CHUNK):
            self.connection.bio_write(bytes(view[start : start + _CHUNK]))

    def feed_landed(self, count: int) -> None:
        self.feed(self._buffers.landing_view[:count])

    def handshake(self) -> Outcome:
        try:
            self.connection.do_handshake()
        except SSL.Error as error:
            return self._explain(error)
        return _DONE

    def read(self, limit: int) -> bytes:
        parts: list[bytes] = []
        total = 0
        limit = min(limit, _PLAIN_CAPACITY)
        self.outcome = _DONE
        while total < limit:
            try:
                part = self.connection.recv(limit - total)
            except SSL.Error as error:
                self.outcome = self._explain(error)
                break
            parts.append(part)
            total += len(part)
        return b"".join(parts)

    def write(self, data: bytes) -> Outcome:
        try:
            self.connection.send(data)
        except SSL.Error as error:
            return self._explain(error)
        return _DONE

    def take(self) -> memoryview:
        try:
            return memoryview(self.connection.bio_read(_CHUNK))
        except SSL.WantReadError:
            return memoryview(b"")

    def _explain(self, error: SSL.Error) -> Outcome:
        if isinstance(error, SSL.WantReadError):
            return self._after_message() if self.message_seen else _WANT_READ
        if isinstance(error, SSL.ZeroReturnError):
            return _CLOSE_NOTIFY
        if isinstance(error, SSL.WantX509LookupError):
            return Outcome.WANT_CERTIFICATE
        queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
        self.reasons = self.reasons or tuple(str(entry[-1]) for entry in queue)
        return _FAILED


def make_pipe(context: SSL.Context, *, server: bool, hooks: Hooks) -> Pipe:
    """A pipe on the fastest path that this installation and the switch allow."""
    kind = RawPipe if raw_path_available and _raw_path_wanted else PublicPipe
    return kind(context, server=server, hooks=hooks)
