"""The only place, with ``_openssl_psk``, that reaches below pyOpenSSL's public API.

pyOpenSSL hands out memory BIOs, but three things need the binding underneath: the callbacks (its
wrappers lose exceptions or raise them on another connection of the same context), the host name
parameters, and the per-message path, where ``Connection.send``/``recv`` cost more than the
encryption of a small record. Everything here is probed at import: a missing required name makes
the import fail with a sentence, a missing optional one turns the feature off.

Theory of operation:

* A :class:`Pipe` is one ``SSL*`` with two memory BIOs: ciphertext is *fed*, a step is taken,
  ciphertext is *taken*. :class:`RawPipe` calls OpenSSL directly; :class:`PublicPipe` does the same
  through pyOpenSSL's public methods and is what remains when the raw names are gone.
* OpenSSL calls back into module-level functions, which find the :class:`Hooks` of the connection
  by the address of its ``SSL*``. They never raise into C: an exception is stored in the hooks and
  re-raised by the caller once OpenSSL has returned.
* :class:`Buffers` are per thread. Their contents are valid only until the next engine call of the
  thread, so nothing may be emitted between filling and emptying them.
"""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Callable
from typing import Any, Protocol, cast
from weakref import ReferenceType, ref

from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl_version import openssl_version
from qtsecure.engine.psk import PreSharedKey
from qtsecure.errors import SecureError

__all__ = [
    "LANDING_SIZE",
    "MODE_ENABLE_PARTIAL_WRITE",
    "NAME_MATCHING",
    "Buffers",
    "Hooks",
    "Outcome",
    "Pipe",
    "PublicPipe",
    "RawPipe",
    "buffers_of_this_thread",
    "forget_errors",
    "install_alpn_selection",
    "install_verification",
    "make_pipe",
    "raw_path_available",
    "set_groups",
    "set_verified_host",
    "use_raw_path",
    "watch_info",
]

_REQUIRED = (
    "SSL_CTX_set_verify",
    "SSL_CTX_set_info_callback",
    "SSL_set_info_callback",
    "SSL_CTX_set_alpn_select_cb",
    "SSL_get0_param",
    "X509_VERIFY_PARAM_set1_host",
    "X509_VERIFY_PARAM_set1_ip",
    "X509_VERIFY_PARAM_set_hostflags",
    "X509_STORE_CTX_get_error",
    "X509_STORE_CTX_get_error_depth",
    "X509_STORE_CTX_set_error",
    "X509_STORE_CTX_get_ex_data",
    "X509_STORE_CTX_get1_chain",
    "SSL_get_ex_data_X509_STORE_CTX_idx",
    "SSL_clear_mode",
    "SSL_state_string_long",
    "BIO_read",
)
_RAW_PATH = ("SSL_do_handshake", "SSL_read", "SSL_write", "SSL_get_error", "BIO_read", "BIO_write", "ERR_clear_error")

_missing = [name for name in _REQUIRED if not hasattr(lib, name)]
if _missing:
    raise ImportError(
        "The installed 'cryptography' package lacks the OpenSSL functions "
        f"{', '.join(_missing)}; install cryptography >= 50 and pyOpenSSL >= 26.4."
    )

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

MODE_ENABLE_PARTIAL_WRITE: int = lib.SSL_MODE_ENABLE_PARTIAL_WRITE

LANDING_SIZE = _CHUNK = 65536
"""How much ciphertext is fed or taken at once: a memory BIO keeps its high-water mark for life."""

_PLAIN_CAPACITY = _OUT_CAPACITY = 4 * _CHUNK
_APPLICATION_DATA = b"\x17\x03\x03"  # how a record begins: its type, and the version it claims
_ALPN_ACCEPT = 0  # SSL_TLSEXT_ERR_OK
_ALPN_IGNORE = 3  # SSL_TLSEXT_ERR_NOACK: the handshake goes on as if the client had offered none
_ALPN_REFUSE = 2  # SSL_TLSEXT_ERR_ALERT_FATAL: OpenSSL answers no_application_protocol (120)
NAME_MATCHING = 0x20 | 0x4  # X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
_WANT_CERTIFICATE: int = getattr(lib, "SSL_ERROR_WANT_X509_LOOKUP", 4)
_CB_ALERT = 0x4000
_CB_WRITE = 0x08
_CB_LOOP = 0x01


def forget_errors() -> None:
    """Empty OpenSSL's error queue of this thread, so that no later call takes an entry for its own."""
    lib.ERR_clear_error()


def use_raw_path(wanted: bool) -> None:
    """Switch the raw hot path for connections made from now on (for tests and diagnosis)."""
    global _raw_path_wanted
    _raw_path_wanted = wanted


# ------------------------------------------------------------------------------------- callbacks


class Hooks(Protocol):
    """What OpenSSL may ask of a connection while one of its calls is on the stack."""

    raised: BaseException | None

    def verify(self, ok: bool, code: int, depth: int, store: VerifyStep) -> int:
        """Judge one step of the verification: 0 to go on, else the X509_V_ERR code to fail with."""

    def alert(self, sent: bool, level: int, description: int) -> None:
        """An alert was sent or received."""

    def handshake_message(self) -> None:
        """A message of the handshake, or after it (ticket, KeyUpdate), is being processed."""

    def psk_to_offer(self) -> PreSharedKey | None:
        """On a client of TLS 1.3: the key for its hello, kept until the handshake is over, or None."""

    def psk_for_server(self, hint: bytes) -> PreSharedKey | None:
        """On a client of TLS 1.2: the key to use, or None."""

    def psk_for_client(self, identity: bytes) -> PreSharedKey | None:
        """On a server: the key of this identity, or None."""

    def server_name_fits(self, name: bytes | None) -> bool:
        """On a server: OpenSSL has found this name (SNI) in the hello; False to refuse the handshake."""

    def certificate_requested(self) -> bool:
        """On a client: the server asks for a certificate; False to wait until there is an answer."""

    def message_traced(self, sent: bool, kind: int, size: int) -> None:
        """A message of the handshake was read or written; only in traced contexts."""

    def select_protocol(self, offered: tuple[bytes, ...]) -> bytes | None:
        """On a server: the application protocol to use; empty for none, None to refuse the handshake."""


class VerifyStep:
    """One call of the verify callback; gives access to the certificate in question."""

    __slots__ = ("_store",)

    def __init__(self, store: Any) -> None:
        self._store = store

    def certificate_der(self) -> bytes | None:
        """The certificate that this step is about, as DER."""
        raw = lib.X509_STORE_CTX_get_current_cert(self._store)
        if raw == ffi.NULL:
            return None
        lib.X509_up_ref(raw)
        return _der(crypto.X509._from_raw_x509_ptr(raw))

    def built_chain(self) -> tuple[bytes, ...]:
        """The chain as far as it was built, leaf first: all there is until a server's handshake is over."""
        stack = lib.X509_STORE_CTX_get1_chain(self._store)
        if stack == ffi.NULL:
            return ()
        # Each certificate's reference passes to its wrapper, so only the stack itself is freed.
        raw = [lib.sk_X509_value(stack, index) for index in range(lib.sk_X509_num(stack))]
        lib.sk_X509_free(stack)
        return tuple(_der(crypto.X509._from_raw_x509_ptr(each)) for each in raw)


def _der(certificate: crypto.X509) -> bytes:
    """The encoding, without parsing: OpenSSL takes certificates that cryptography refuses."""
    return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)


class _HooksTable:
    """The hooks of each connection, by the address of its ``SSL*``.

    A pipe belongs to its hooks and takes the entry away when it goes with them: a WeakValueDictionary
    does the same for four times the price.
    """

    __slots__ = ("references",)

    def __init__(self) -> None:
        self.references: dict[int, ReferenceType[Hooks]] = {}

    def __getitem__(self, address: int) -> Hooks:
        hooks = self.references[address]()
        if hooks is None:
            raise KeyError(address)
        return hooks

    def get(self, address: int) -> Hooks | None:
        """None when they have just gone."""
        reference = self.references.get(address)
        return reference() if reference is not None else None


_hooks = _HooksTable()
_verify_index: int = lib.SSL_get_ex_data_X509_STORE_CTX_idx()


def _callback(signature: str, **options: int) -> Callable[[Callable[..., Any]], Any]:
    """cffi's decorator, with a type."""
    return cast("Callable[[Callable[..., Any]], Any]", ffi.callback(signature, **options))


def _address(ssl: Any) -> int:
    return int(ffi.cast("uintptr_t", ssl))


@_callback("int(int, X509_STORE_CTX *)", error=0)
def _on_verify(ok: int, store: Any) -> int:
    hooks = _hooks[_address(lib.X509_STORE_CTX_get_ex_data(store, _verify_index))]
    try:
        code = lib.X509_STORE_CTX_get_error(store)
        depth = lib.X509_STORE_CTX_get_error_depth(store)
        verdict = hooks.verify(bool(ok), code, depth, VerifyStep(store))
    except BaseException as error:
        hooks.raised = error
        return 0
    if verdict:
        # The error code left in the store decides which alert OpenSSL sends.
        lib.X509_STORE_CTX_set_error(store, verdict)
        return 0
    return 1


@_callback("void(SSL *, int, int)")
def _on_info(ssl: Any, where: int, value: int) -> None:
    if where & _CB_ALERT:  # about thirty other calls in each handshake: leave before the look-up
        _tell_alert(ssl, where, value)


@_callback("void(SSL *, int, int)")
def _on_info_afterwards(ssl: Any, where: int, value: int) -> None:
    if where & _CB_LOOP:
        # The only sign of a ticket or KeyUpdate: TLS 1.3 tells no "handshake start" for them.
        hooks = _hooks[_address(ssl)]
        try:
            hooks.handshake_message()
        except BaseException as error:
            hooks.raised = error
    elif where & _CB_ALERT:
        _tell_alert(ssl, where, value)


def _tell_alert(ssl: Any, where: int, value: int) -> None:
    hooks = _hooks.get(_address(ssl))
    if hooks is None:
        return  # the stream has just gone, and this is about its end
    try:
        hooks.alert(bool(where & _CB_WRITE), value >> 8, value & 0xFF)
    except BaseException as error:
        hooks.raised = error


@_callback("int(SSL *, unsigned char **, unsigned char *, unsigned char *, unsigned int, void *)", error=_ALPN_REFUSE)
def _on_alpn_select(ssl: Any, out: Any, out_length: Any, offer: Any, offer_length: int, _: Any) -> int:
    hooks = _hooks[_address(ssl)]
    try:
        # OpenSSL has checked the framing of the list, so the lengths add up.
        offered: list[bytes] = []
        position = 0
        while position < offer_length:
            length = offer[position]
            offered.append(bytes(ffi.buffer(offer + position + 1, length)))
            position += 1 + length
        chosen = hooks.select_protocol(tuple(offered))
        if chosen == b"":
            return _ALPN_IGNORE
        if chosen is None or chosen not in offered:
            return _ALPN_REFUSE
        # Answer with a pointer into the client's own list: it outlives this callback.
        start = sum(1 + len(name) for name in offered[: offered.index(chosen)]) + 1
        out[0] = offer + start
        out_length[0] = len(chosen)
        return _ALPN_ACCEPT
    except BaseException as error:
        hooks.raised = error
        return _ALPN_REFUSE


def install_verification(context: SSL.Context, mode: int) -> None:
    """Let the hooks of each connection of ``context`` judge the peer's certificates."""
    lib.SSL_CTX_set_verify(context._context, mode, _on_verify)


def watch_info(context: SSL.Context) -> None:
    """Report the alerts of all connections of ``context`` to their hooks."""
    lib.SSL_CTX_set_info_callback(context._context, _on_info)


def install_alpn_selection(context: SSL.Context) -> None:
    """Let the hooks of each server connection choose the application protocol."""
    lib.SSL_CTX_set_alpn_select_cb(context._context, _on_alpn_select, ffi.NULL)


def set_groups(context: SSL.Context, groups: tuple[str, ...]) -> None:
    """Set the key-exchange groups of ``context`` by name, best first."""
    if lib.SSL_CTX_set1_curves_list(context._context, ":".join(groups).encode("ascii")) != 1:
        lib.ERR_clear_error()
        raise SecureError(
            SecureError.Code.InvalidArgument,
            f"The key-exchange groups {', '.join(groups)} are not all known to {openssl_version()}.",
        )


def set_verified_host(connection: SSL.Connection, ascii_name: str, ip: bytes) -> bool:
    """Demand that the peer's certificate is for this name; False when OpenSSL refuses the name.

    A refused name would mean *no check at all*, so the caller has to fail the verification then.
    The subject's common name never counts and wildcards are whole labels only (RFC 9525).
    """
    parameters = lib.SSL_get0_param(connection._ssl)
    lib.X509_VERIFY_PARAM_set_hostflags(parameters, NAME_MATCHING)
    if ip:
        accepted = bool(lib.X509_VERIFY_PARAM_set1_ip(parameters, ip, len(ip)) == 1)
    else:
        name = ascii_name.encode("ascii")
        accepted = bool(lib.X509_VERIFY_PARAM_set1_host(parameters, name, len(name)) == 1)
    if not accepted:
        lib.ERR_clear_error()
    return accepted


# ----------------------------------------------------------------------------------------- pipes


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
