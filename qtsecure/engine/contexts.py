"""Builds OpenSSL contexts from configurations, and shares them.

A context holds the parsed keys, the trust store and the ticket keys. Making one per connection is
what keeps Qt's own servers from ever resuming a session, so equal configurations share one here.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from OpenSSL import SSL, crypto

from qtsecure.engine import _openssl, _openssl_identity, _openssl_ocsp, _openssl_psk, _openssl_trace
from qtsecure.engine._openssl_sessions import sessions_supported
from qtsecure.engine.certificates import UNREADABLE, describe_subject, tolerating_old_certificates
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.keylog import KeyLog
from qtsecure.errors import SecureError
from qtsecure.locks import Lock

__all__ = ["context_for"]

_MAX_CACHED = 256
"""Servers with many virtual hosts have as many; a context that is made anew knows no ticket of the one before."""
_MAX_CLIENT_CA_NAMES = 64
"""Beyond this a CertificateRequest with the accepted authorities is left empty (any authority)."""

_METHODS = {
    (False, False): SSL.TLS_CLIENT_METHOD,
    (False, True): SSL.TLS_SERVER_METHOD,
    (True, False): SSL.DTLS_CLIENT_METHOD,
    (True, True): SSL.DTLS_SERVER_METHOD,
}

_cache: OrderedDict[tuple[bool, bool, TlsConfiguration], SSL.Context] = OrderedDict()
_lock = Lock()  # a finalizer that runs while a context is made may want one, in the same thread


def context_for(configuration: TlsConfiguration, *, server: bool, traced: bool = False) -> SSL.Context:
    """The shared context of this configuration and role; made on first use.

    Safe to call from any thread: OpenSSL contexts may serve connections of several threads.

    Args:
        configuration: What it is made of.
        server: For servers.
        traced: Its connections tell of each message of their handshakes, which others need not pay for.

    Raises:
        SecureError: When OpenSSL refuses a part of the configuration, or cannot trace.
    """
    key = (server, traced, configuration)
    with _lock:
        context = _cache.get(key)
        if context is not None:
            with contextlib.suppress(KeyError):  # such a finalizer, run in a comparison of keys, has had it dropped
                _cache.move_to_end(key)
            return context
        context = _build(configuration, server)
        if traced:
            _trace(context)
        context = _cache.setdefault(key, context)
        if len(_cache) > _MAX_CACHED:
            _cache.popitem(last=False)
        return context


def _build(configuration: TlsConfiguration, server: bool) -> SSL.Context:
    datagrams = configuration.maximum_version.is_datagram
    context = SSL.Context(_METHODS[datagrams, server])
    # Versions, suites and level are always explicit: OPENSSL_CONF could otherwise change them.
    context.set_min_proto_version(int(configuration.minimum_version))
    context.set_max_proto_version(int(configuration.maximum_version))
    options = SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION
    if server and configuration.prefer_server_ciphers:
        options |= SSL.OP_CIPHER_SERVER_PREFERENCE
    context.set_options(options)
    context.clear_mode(_openssl.MODE_ENABLE_PARTIAL_WRITE)  # a write is encrypted whole or not at all
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # idle connections keep no record buffers
    _set_ciphers(context, configuration)
    if configuration.groups:
        _openssl.set_groups(context, configuration.groups)
    _set_credentials(context, configuration)
    _set_verification(context, configuration, server)
    _set_stapling(context, configuration, server)
    _set_resumption(context, configuration, server)
    if configuration.alpn_protocols:
        if server:
            _openssl.install_alpn_selection(context)
        else:
            context.set_alpn_protos(list(configuration.alpn_protocols))
    if configuration.psk_enabled:
        if server:
            _openssl_psk.install_psk_server(context, configuration.psk_identity_hint)
        else:
            _openssl_psk.install_psk_client(context)
    if datagrams:
        _set_datagrams(context, configuration, server)
    if configuration.key_log_file:
        context.set_keylog_callback(KeyLog(configuration.key_log_file).write)
    _openssl.watch_info(context)
    if not server:
        _openssl_identity.ask_for_certificate(context)
    elif _openssl_identity.server_names_supported:
        _openssl_identity.compare_server_names(context)
    return context


def _trace(context: SSL.Context) -> None:
    if not _openssl_trace.tracing_supported:
        raise SecureError(
            SecureError.Code.NotSupported,
            "This build of the 'cryptography' package cannot trace handshakes; install a newer one.",
        )
    _openssl_trace.trace_messages(context)


def _set_ciphers(context: SSL.Context, configuration: TlsConfiguration) -> None:
    names = [*configuration.tls12_ciphers, "@SECLEVEL=2"]
    try:
        if configuration.tls12_ciphers:
            context.set_cipher_list(":".join(names).encode("ascii"))
        else:
            # TLS 1.3 only: the level still has to be set, and OpenSSL refuses a list without suites.
            context.set_cipher_list(b"ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=2")
        if configuration.tls13_suites:
            context.set_tls13_ciphersuites(":".join(configuration.tls13_suites).encode("ascii"))
    except SSL.Error as error:
        raise SecureError(
            SecureError.Code.InvalidArgument,
            "None of the configured cipher suites is known to the engine; check the names.",
        ) from error


def _set_credentials(context: SSL.Context, configuration: TlsConfiguration) -> None:
    credentials = configuration.credentials
    if credentials is None:
        return
    try:
        context.use_certificate(credentials.chain[0])
        context.use_privatekey(credentials.private_key)
        for certificate in credentials.chain[1:]:
            context.add_extra_chain_cert(certificate)
    except (SSL.Error, crypto.Error) as error:
        raise _refused("the own certificate or key", error) from error


def _refused(what: str, error: SSL.Error | crypto.Error) -> SecureError:
    reasons = tuple(str(entry[-1]) for entry in error.args[0]) if error.args else ()
    return SecureError(
        SecureError.Code.BadCertificate,
        f"OpenSSL refuses {what}: {', '.join(dict.fromkeys(reasons)) or 'no reason given'}.",
        engineReasons=reasons,
    )


def _set_datagrams(context: SSL.Context, configuration: TlsConfiguration, server: bool) -> None:
    key = configuration.credentials.private_key if configuration.credentials is not None else None
    if server and isinstance(key, (Ed25519PrivateKey, Ed448PrivateKey)) and SSL.OPENSSL_VERSION_NUMBER < 0x40100000:
        raise SecureError(
            SecureError.Code.NotSupported,
            "A DTLS 1.2 server cannot use an Ed25519 or Ed448 key with this version of OpenSSL; use an EC or RSA key.",
        )
    if configuration.srtp_profiles:
        try:
            context.set_tlsext_use_srtp(":".join(configuration.srtp_profiles).encode("ascii"))
        except SSL.Error as error:
            raise SecureError(
                SecureError.Code.InvalidArgument,
                f"The SRTP profiles {', '.join(configuration.srtp_profiles)} are not all known to OpenSSL.",
            ) from error
    if server:
        # The listener has checked the cookie; OpenSSL only has to believe it.
        context.set_cookie_generate_callback(lambda _: b"checked before")
        context.set_cookie_verify_callback(lambda _, cookie: bool(cookie))


def _set_verification(context: SSL.Context, configuration: TlsConfiguration, server: bool) -> None:
    if configuration.verify_mode is VerifyMode.NONE:
        # With pins there is something to look at after all: the peer's own certificate, not its chain.
        pinned = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT if configuration.pins else SSL.VERIFY_NONE
        _openssl.install_verification(context, pinned)
        return
    flags = SSL.VERIFY_PEER
    required = configuration.verify_mode is VerifyMode.PEER and configuration.certificate_required
    if server and (required or configuration.pins):
        flags |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    _openssl.install_verification(context, flags)
    if configuration.verify_depth:
        context.set_verify_depth(configuration.verify_depth)
    store = context.get_cert_store()
    if store is None:
        raise SecureError(SecureError.Code.TlsUnavailable, "OpenSSL gave no certificate store; reinstall cryptography.")
    if not all(map(_is_root, configuration.trust.certificates)):
        # Whoever trusts an intermediate or a server's own certificate need not know their issuers.
        # Only then, because OpenSSL reports missing issuers in fewer words with this flag.
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    for anchor in configuration.trust.certificates:
        try:
            store.add_cert(crypto.X509.from_cryptography(anchor))
        except crypto.Error as error:
            raise _refused(f"the trusted certificate {describe_subject(anchor)}", error) from error
    if configuration.crls:
        # Each of the two flags alone checks less than it seems to, or nothing at all.
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)
        for crl in configuration.crls:
            try:
                store.add_crl(x509.load_der_x509_crl(crl))
            except crypto.Error as error:
                raise _refused("a revocation list, which is damaged", error) from error
    if server and len(configuration.trust.certificates) <= _MAX_CLIENT_CA_NAMES:
        for anchor in configuration.trust.certificates:
            context.add_client_ca(anchor)


def _set_stapling(context: SSL.Context, configuration: TlsConfiguration, server: bool) -> None:
    wanted = bool(configuration.ocsp_response) if server else configuration.asks_for_status
    if not wanted:
        return
    if not _openssl_ocsp.ocsp_supported:
        raise SecureError(
            SecureError.Code.NotSupported,
            "This build of the 'cryptography' package cannot staple a revocation status; install a newer one.",
        )
    if server:
        _openssl_ocsp.staple(context, configuration.ocsp_response)
    else:
        _openssl_ocsp.hand_over_status(context)


def _is_root(anchor: x509.Certificate) -> bool:
    """Whether a certificate names no other issuer than itself; one with unreadable names counts as a root."""
    try:
        with tolerating_old_certificates():
            return anchor.subject == anchor.issuer
    except UNREADABLE:
        return True


def _set_resumption(context: SSL.Context, configuration: TlsConfiguration, server: bool) -> None:
    if not server:
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return
    # Without an id context OpenSSL ends every resumption with internal_error once clients are verified.
    context.set_session_id(os.urandom(32))
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # A resumed session skips the verification, so servers that insist on clients' certificates never
    # resume; where certificates are only queried, a stream that sees one spoils its own ticket. Nor
    # does it ask for a pre-shared key, which may be known no more, and nobody would hear whose it was.
    authenticated = configuration.verify_mode is VerifyMode.PEER or configuration.psk_enabled
    never = authenticated or not configuration.session_tickets_enabled
    if never or not sessions_supported:
        context.set_options(SSL.OP_NO_TICKET)
