"""With its neighbours ``_openssl_*`` the only place that reaches below pyOpenSSL's public API.

The callbacks need the binding underneath (pyOpenSSL's wrappers lose exceptions or raise them on
another connection of the same context), and so do the host name parameters; ``_openssl_pipes``
has the per-message path. Everything here is probed at import: a missing required name makes
the import fail with a sentence, a missing optional one turns the feature off.

OpenSSL calls back into module-level functions, which find the :class:`Hooks` of the connection
by the address of its ``SSL*``. They never raise into C: an exception is stored in the hooks and
re-raised by the caller once OpenSSL has returned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast
from weakref import ReferenceType

from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl_version import openssl_version
from qtsecure.engine.psk import PreSharedKey
from qtsecure.errors import SecureError

__all__ = [
    "MODE_ENABLE_PARTIAL_WRITE",
    "NAME_MATCHING",
    "Hooks",
    "forget_errors",
    "install_alpn_selection",
    "install_verification",
    "set_groups",
    "set_verified_host",
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

_missing = [name for name in _REQUIRED if not hasattr(lib, name)]
if _missing:
    raise ImportError(
        "The installed 'cryptography' package lacks the OpenSSL functions "
        f"{', '.join(_missing)}; install cryptography >= 50 and pyOpenSSL >= 26.4."
    )

MODE_ENABLE_PARTIAL_WRITE: int = lib.SSL_MODE_ENABLE_PARTIAL_WRITE

_ALPN_ACCEPT = 0  # SSL_TLSEXT_ERR_OK
_ALPN_IGNORE = 3  # SSL_TLSEXT_ERR_NOACK: the handshake goes on as if the client had offered none
_ALPN_REFUSE = 2  # SSL_TLSEXT_ERR_ALERT_FATAL: OpenSSL answers no_application_protocol (120)
NAME_MATCHING = 0x20 | 0x4  # X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
_CB_ALERT = 0x4000
_CB_WRITE = 0x08
_CB_LOOP = 0x01


def forget_errors() -> None:
    """Empty OpenSSL's error queue of this thread, so that no later call takes an entry for its own."""
    lib.ERR_clear_error()


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
