"""How the scripts of tlsfuzzer are run against :mod:`tests.reliability.answering_server`, one line a script, and why.

A script that is not named here runs against the server ``rsa`` with the arguments that all have in common. tlsfuzzer's
manual says to name in the arguments what the server is configured for. Of that kind is also a conversation that needs
what our servers have switched off: it is run all the same (``-x``) and has to end in exactly the way that is said here
(``-X``). An alert of another kind than the script expects is not: such a script is not content, and stays in
:data:`NOT_CONTENT`, which says what is missing, so that nobody has to look for it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["NOT_CONTENT", "RUNS", "Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a script.

    Attributes:
        script: Its name, without ``test-`` and ``.py``.
        why: Why it has these arguments.
        server: Which of the servers it is run against.
        arguments: What it is given beside what all have in common.
        refused: By conversation that needs what the servers have not: a part of what tlsfuzzer says then.
        whole: Run all conversations, and not as many by chance as the script does by itself.
    """

    script: str
    why: str = ""
    server: str = "rsa"
    arguments: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True


def _all(names: Iterable[str], saying: str) -> dict[str, str]:
    return dict.fromkeys(names, saying)


def _renegotiation(*names: str) -> dict[str, str]:
    """Conversations that renegotiate, which our servers never do (RFC 5746, section 5; tlsfuzzer's own neither)."""
    return _all(names, "Alert(warning, no_renegotiation)")


def _sessionId(*names: str) -> dict[str, str]:
    """Conversations that resume by session ID: our servers have tickets instead (RFC 5077), and start anew."""
    return _all(names, "Handshake(certificate)")


def _oldVersion(*names: str) -> dict[str, str]:
    """Conversations in TLS 1.1 or older (RFC 8996)."""
    return _all(names, "protocol_version")


def _sha1Signature(*names: str) -> dict[str, str]:
    """Conversations where the client signs with SHA-1 (RFC 9155), which our servers have not offered."""
    return _all(names, "illegal_parameter")


def _nothingInCommon(*names: str) -> dict[str, str]:
    """Conversations that leave the server no choice: SHA-1 alone, DHE in TLS 1.2, another certificate, short tags."""
    return _all(names, "handshake_failure")


def _tags(text: str, size: int) -> list[str]:
    """Names of the conversations with each bit of a tag of so many bytes flipped."""
    return [text.format(1 << bit, -position) for bit in range(8) for position in range(1, size + 1)]


_SHORT_TAGS_TLS12 = _nothingInCommon(
    "empty app data with _8 ciphers",
    "max size plaintext with _8 ciphers",
    "too big plaintext with _8 ciphers",
    "too big plaintext - max compress with _8 ciphers",
    "too big plaintext - above TLSCompressed max with _8 ciphers",
    *_tags("fuzz tag with {0} on pos {1} - using cipher with 8 byte tag", 8),
    *(f"{size} bytes long ciphertext against _8 ciphers" for size in range(8)),
)
_CCM_8 = "check connection with TLS_AES_128_CCM_8_SHA256"
_SHORT_TAGS_TLS13 = _nothingInCommon(
    _CCM_8,
    *_tags(f"{_CCM_8} - fuzz tag on application data with {{0}} on pos {{1}}", 8),
    *_tags(f"{_CCM_8} - fuzz tag on finished message with {{0}} on pos {{1}}", 8),
)

_PSS = "rsa_pss_pss_sha256 rsa_pss_pss_sha384 rsa_pss_pss_sha512 "
_RSA = "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512 rsa_pkcs1_sha256 rsa_pkcs1_sha384 rsa_pkcs1_sha512 "
_EC = "ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384 ecdsa_secp521r1_sha512 ed25519 ed448 "
_BRAINPOOL = "ecdsa_brainpoolP256r1tls13_sha256 ecdsa_brainpoolP384r1tls13_sha384 ecdsa_brainpoolP512r1tls13_sha512 "
_OLD = "ecdsa_sha224 rsa_pkcs1_sha224 dsa_sha224 dsa_sha256 dsa_sha384 dsa_sha512"
_SM2 = "7+8"  # sm2sig_sm3 (RFC 8998), which tlsfuzzer knows by no name
_TLS12 = ("-s", _EC + _PSS + _RSA + _OLD)
_TLS13 = ("-s", "mldsa65 mldsa87 mldsa44 " + _EC + _BRAINPOOL + _PSS + _RSA + _SM2)


def _client(name: str) -> tuple[str, ...]:
    """A certificate of tlsfuzzer's tests; the server asks for one, and takes any."""
    return "-k", f"tests/{name}Key.pem", "-c", f"tests/{name}Cert.pem"


_X509, _EC256, _ED25519, _ED448 = map(_client, ("clientX509", "serverEC", "serverEd25519", "serverEd448"))
_ASKS = "the server asks for certificates; -k, -c: one of tlsfuzzer's; -s: what the server offers"
_GROUPS = (
    "x25519mlkem768,secp256r1mlkem768,secp384r1mlkem1024,x25519,x448,secp256r1,secp384r1,secp521r1,512,513,514,"
    "ffdhe2048,ffdhe3072,ffdhe4096,ffdhe6144,ffdhe8192,brainpoolP256r1tls13,brainpoolP384r1tls13,brainpoolP512r1tls13"
)

RUNS: tuple[Run, ...] = (
    Run("aesccm", "CCM without DHE is for ECDSA only; no 8-byte tags, no TLS 1.1", "ecdsa",
        refused=_SHORT_TAGS_TLS12 | _oldVersion("AES-CCM in TLS1.1")),
    Run("alpn-negotiation", "no renegotiation, no session IDs",
        refused=_renegotiation("renegotiation 2nd handshake alpn", "renegotiation with protocol change",
                               "renegotiation without protocol change")
        | _sessionId("resumption with alpn", "resumption with alpn change", "resumption without alpn change")),
    Run("certificate-malformed", _ASKS, "asking", _X509),
    Run("certificate-request", f"{_ASKS}; -T: its kinds of keys", "asking",
        (*_X509, *_TLS12, "-T", "rsa_sign dss_sign ecdsa_sign")),
    Run("certificate-verify", _ASKS, "asking", _X509),
    Run("certificate-verify-malformed", _ASKS, "asking", _X509),
    Run("certificate-verify-malformed-sig", f"{_ASKS}; no SHA-1", "asking", _X509,
        refused=_sha1Signature("sanity - sha1", "TLSv1.1 signature in SHA-1 TLSv1.2 envelope",
                               "SHA-256 signature in SHA-1 envelope")),
    Run("chacha20", "--extra-exts: without these extensions it wants SHA-1; no TLS 1.1", arguments=("--extra-exts",),
        refused=_oldVersion("Chacha20 in TLS1.1")),
    Run("downgrade-protection", "no TLS 1.1", arguments=("--server-max-protocol", "TLSv1.3"),
        refused=_oldVersion(*(f"TLS 1.3 downgrade check for Protocol (3, {minor})" for minor in (1, 2)))),
    Run("downgrade-protection", "the same for a server up to TLS 1.2", "tls12",
        ("--server-max-protocol", "TLSv1.2"),
        refused=_oldVersion(*(f"TLS 1.3 downgrade check for Protocol (3, {minor})" for minor in (1, 2)))),
    Run("dsa-in-certificate-verify", f"{_ASKS}; no SHA-1", "asking", _client("clientDSA"),
        refused=_sha1Signature("sign with sha1+dsa")),
    Run("ecdsa-in-certificate-verify", f"{_ASKS}; no SHA-1", "asking", _EC256,
        refused=_sha1Signature("make sha1+ecdsa signature in CertificateVerify", *(
            f"make sha{bits}+ecdsa signature, advertise it as sha1+ecdsa in CertificateVerify"
            for bits in (224, 256, 384, 512)))),
    Run("ecdsa-sig-flexibility", "about ECDSA; no SHA-1", "ecdsa",
        refused=_nothingInCommon("connect with sha1+ecdsa only")),
    Run("eddsa-in-certificate-verify", _ASKS, "asking", _ED25519),
    Run("eddsa-in-certificate-verify", _ASKS, "asking", _ED448),
    Run("export-ciphers-rejected", "--min-ver: no TLS 1.1", arguments=("--min-ver", "TLSv1.2")),
    Run("extended-master-secret-extension", "no renegotiation, session IDs, TLS 1.1, DHE in TLS 1.2",
        refused=_renegotiation("extended master secret with renegotiation",
                               "renegotiate with EMS in session without EMS",
                               "renegotiate without EMS in session with EMS")
        | _sessionId("EMS with session resume", "EMS with session resume and SHA384 PRF")
        | {"EMS with session resume without extension": "Handshake(server_hello)"}
        | _oldVersion("extended master secret in TLSv1.1", "sanity TLSv1.1")
        | _nothingInCommon("extended master secret w/DHE")),
    Run("extended-master-secret-extension-with-client-cert", f"{_ASKS}; no session IDs", "asking", _X509,
        refused=_sessionId("resume with certificate and EMS")),
    Run("fallback-scsv", "--min-support: no TLS 1.1", arguments=("--tls-1.3", "--min-support", "TLSv1.2")),
    Run("fallback-scsv", "the same for a server up to TLS 1.2", "tls12", ("--min-support", "TLSv1.2")),
    Run("fuzzed-plaintext", "8,392 conversations would take minutes", whole=False),
    Run("lengths", "wants back what it sends; 16,000 conversations would take minutes", "echo", whole=False),
    Run("ocsp-stapling", "the server staples; no renegotiation", "stapling",
        refused=_renegotiation("renegotiate", "renegotiate with large responder_id_list")),
    Run("rsa-pss-sigs-on-certificate-verify", _ASKS, "asking", (*_X509, *_TLS12, "--illegpar"), whole=False),
    Run("rsa-sigs-on-certificate-verify", f"{_ASKS}; no SHA-1", "asking", _X509,
        refused=_sha1Signature("check sha1 w/sha256 PRF", "check sha1 w/sha384 PRF")),
    Run("session-ticket-resumption", "a resumed session keeps its ticket; no renegotiation",
        arguments=("--no-new-ticket-on-resumption",),
        refused=_renegotiation("renegotiation with removal of session_ticket ext",
                               "session resumption with renegotiation")),
    Run("sessionID-resumption", "no session IDs", refused=_sessionId("session ID resume")),
    Run("sig-algs", "the certificate is not an RSA-PSS one",
        refused=_nothingInCommon(*(f"rsa_pss_pss_sha{bits} only" for bits in (256, 384, 512)))),
    Run("sig-algs-renegotiation-resumption", "--no-renego: no renegotiation; no SHA-1",
        arguments=("--no-renego", "--sig-algs-drop-ok"),
        refused=_nothingInCommon("rsa+sha1 in signature_algorithms ext", "without signature_algorithms ext",
                                 "without signature_algorithms and signature_algorithms_cert ext")),
    Run("signature-algorithms", "--no-sha1: no SHA-1", arguments=("--no-sha1",)),
    Run("signature-algorithms", "the same with ECDSA", "ecdsa", ("--no-sha1", "--ecdsa")),
    Run("sslv2hello-protocol", "no hellos in the format of SSL 2 (RFC 5246, appendix E.2)",
        refused={"SSLv2 Client Hello": "Unexpected closure from peer"}),
    Run("tls13-certificate-request", f"{_ASKS}; -E: extensions of its hello", "asking",
        (*_X509, *_TLS13, "-E", "supported_groups:EE supported_versions:SH key_share:SH")),
    Run("tls13-certificate-verify", _ASKS, "asking", (*_X509, *_TLS13)),
    Run("tls13-certificate-verify", _ASKS, "asking", (*_client("clientRSAPSS"), *_TLS13), whole=False),
    Run("tls13-count-tickets", "-t: OpenSSL gives two", arguments=("-t", "2")),
    Run("tls13-ecdhe-brainpool-curves", "the server has all groups", "groups"),
    Run("tls13-ecdsa-brainpool-in-certificate-verify", _ASKS, "asking", (*_client("serverBrainpoolP256r1EC"), *_TLS13)),
    Run("tls13-ecdsa-in-certificate-verify", _ASKS, "asking", (*_EC256, *_TLS13)),
    Run("tls13-ecdsa-support", "the certificate is of P-256", "ecdsa",
        refused=_nothingInCommon(*(f"Test with ecdsa_{each}" for each in (
            "secp384r1_sha384", "secp521r1_sha512", "brainpoolP256r1tls13_sha256", "brainpoolP384r1tls13_sha384",
            "brainpoolP512r1tls13_sha512")))),
    Run("tls13-eddsa", "the certificate is of Ed25519", "ed25519", refused=_nothingInCommon("ed448 only")),
    Run("tls13-eddsa-in-certificate-verify", _ASKS, "asking", (*_ED25519, *_TLS13)),
    Run("tls13-eddsa-in-certificate-verify", _ASKS, "asking", (*_ED448, *_TLS13)),
    Run("tls13-ffdhe-groups", "the server has all groups", "groups"),
    Run("tls13-ffdhe-sanity", "the server has all groups", "groups"),
    Run("tls13-large-number-of-extensions", "--supgroup: OpenSSL tells its groups; --exc: encrypted_client_hello, "
        "which it knows and so may not be empty", arguments=("--supgroup", "--exc", "65037")),
    Run("tls13-lengths", "wants back what it sends; 16,000 conversations would take minutes", "echo", whole=False),
    Run("tls13-mldsa-in-certificate-verify", f"{_ASKS}; its ML-DSA is slow", "asking",
        (*_client("serverMldsa65"), *_TLS13), whole=False),
    Run("tls13-mlkem", "the server has all groups", "groups"),
    Run("tls13-no-unknown-groups", "--groups: all, and the server has them", "groups", ("--groups", _GROUPS)),
    Run("tls13-non-support", "about a server without TLS 1.3", "tls12"),
    Run("tls13-obsolete-curves", "-a: with no group in common, OpenSSL says what RFC 8446, section 4.1.1, demands; "
        "--relaxed: it passes over groups that it does not know", arguments=("--relaxed", "-a", "handshake_failure")),
    Run("tls13-psk_dhe_ke", "the key that it has by default", "psk"),
    Run("tls13-psk_dhe_ke", "the same for SHA-384", "psk", ("--psk-sha384", "--psk-iden", "test384")),
    Run("tls13-session-resumption", "--client-pke: never without forward secrecy",
        arguments=("--client-pke", "psk_dhe_ke")),
    Run("tls13-shuffled-extentions", "--exc: encrypted_client_hello, which OpenSSL knows",
        arguments=("--exc", "65037")),
    Run("tls13-symetric-ciphers", "no 8-byte tags", refused=_SHORT_TAGS_TLS13),
    Run("x25519", "--no-default-group: no groups mean none; no DHE in TLS 1.2", arguments=("--no-default-group",),
        refused=_nothingInCommon("fallback to DHE when no extensions specified",
                                 "fallback to DHE when no groups specified",
                                 "only secp163k1 group - fallback to DHE", "only unknown group - fallback to DHE")),
)  # fmt: skip

_SHA1_ALONE = "begins without signature algorithms, which means SHA-1 (RFC 5246, section 7.4.1.4.1)"
_DHE = "about DHE in TLS 1.2, which our servers have not"
_TLS11 = "about versions before TLS 1.2"
_RENEGOTIATION = "about renegotiation, which our servers refuse (renegotiation-disabled looks at how)"
_NOT_BUILT = "about something that the OpenSSL of cryptography has not, or that nobody can ask it for: "
_TIMES = "measures times with tcpdump, and wants the key of the server"
_ALERT = "OpenSSL refuses with another alert: "
_ACCEPTS = "OpenSSL accepts: "
_LONG_LISTS = "OpenSSL looks at the beginning of long lists only: "

NOT_CONTENT: dict[str, str] = {
    "SSLv3-padding": _TLS11,
    "TLSv1_2-rejected-without-TLSv1_2": "about a server without TLS 1.2",
    "bleichenbacher-timing-marvin": _TIMES,
    "bleichenbacher-workaround": _SHA1_ALONE,
    "certificate-malformed": f"{_ALERT}decode_error for certificates of nothing but zeros",
    "client-compatibility": f"{_TLS11}: of its 139 clients, 44 know nothing newer",
    "clienthello-md5": _SHA1_ALONE,
    "dhe-key-share-random": _DHE,
    "dhe-no-shared-secret-padding": _DHE,
    "dhe-rsa-key-exchange": _DHE,
    "dhe-rsa-key-exchange-signatures": _DHE,
    "dhe-rsa-key-exchange-with-bad-messages": _DHE,
    "dsa-sig-flexibility": "about servers with DSA certificates",
    "ecdhe-padded-shared-secret": _SHA1_ALONE,
    "ecdhe-rsa-key-exchange": _SHA1_ALONE,
    "ecdhe-rsa-key-share-random": _SHA1_ALONE,
    "empty-extensions": _SHA1_ALONE,
    "encrypt-then-mac-renegotiation": _RENEGOTIATION,
    "extensions": _SHA1_ALONE,
    "ffdhe-expected-params": _DHE,
    "ffdhe-negotiation": _DHE,
    "fuzzed-finished": _SHA1_ALONE,
    "heartbeat": f"{_NOT_BUILT}heartbeats (no-heartbeat is content)",
    "interleaved-application-data-and-fragmented-handshakes-in-renegotiation": _RENEGOTIATION,
    "interleaved-application-data-in-renegotiation": _RENEGOTIATION,
    "invalid-cipher-suites": _SHA1_ALONE,
    "invalid-client-hello": _SHA1_ALONE,
    "invalid-rsa-key-exchange-messages": _SHA1_ALONE,
    "invalid-server-name-extension": "ends with a close_notify of level 0, which OpenSSL refuses",
    "invalid-server-name-extension-resumption": "ends with a close_notify of level 0, which OpenSSL refuses",
    "invalid-session-id": _SHA1_ALONE,
    "invalid-version": _SHA1_ALONE,
    "legacy-renegotiation": _RENEGOTIATION,
    "message-duplication": _SHA1_ALONE,
    "openssl-3712": _SHA1_ALONE,
    "point-extension": f"{_ACCEPTS}points in forms that it has not announced, and hellos without the one form left",
    "record-size-limit": f"{_NOT_BUILT}record_size_limit",
    "renegotiation-changed-clienthello": _RENEGOTIATION,
    "renegotiation-disabled-client-cert": "about servers that ask for a certificate by renegotiation",
    "resumption-with-wrong-ciphers": "about sessions by ID, where our servers have tickets",
    "rsa-pss-sigs-on-certificate-verify": "names no groups for ECDHE, which then means none to OpenSSL",
    "serverhello-random": _SHA1_ALONE,
    "signature-algorithms": f"{_LONG_LISTS}200 and more signature algorithms",
    "tls13-certificate-compression": f"{_NOT_BUILT}compressed certificates",
    "tls13-client-certificate-compression": f"{_NOT_BUILT}compressed certificates",
    "tls13-crfg-curves": f"{_ALERT}decode_error for an empty key share",
    "tls13-ffdhe-groups": f"{_ALERT}decode_error for an empty key share. {_ACCEPTS}two key shares of a group",
    "tls13-finished": f"{_ALERT}illegal_parameter for a Finished message that is too long",
    "tls13-keyupdate": f"{_ALERT}illegal_parameter for a KeyUpdate that is too long. It answers one before its next "
    "data (RFC 8446, section 4.6.3), and the script wants the answer before the server has any",
    "tls13-keyupdate-from-server": f"{_NOT_BUILT}a KeyUpdate of the server's own",
    "tls13-minerva": _TIMES,
    "tls13-mlkem": f"{_ACCEPTS}hybrid points beside ML-KEM",
    "tls13-multiple-ccs-messages": f"{_ALERT}decode_error for change_cipher_spec in a record that says TLS 1.0, also "
    "where there is only one",
    "tls13-no-unknown-groups": f"{_LONG_LISTS}200 and more groups",
    "tls13-post-handshake-auth": f"{_NOT_BUILT}a request for a certificate after the handshake",
    "tls13-psk_ke": "about keys without forward secrecy, which our servers refuse",
    "tls13-record-layer-limits": f"{_ACCEPTS}records whose padding alone is too long. {_ALERT}illegal_parameter for a "
    "Finished message that is too long",
    "tls13-rsapss-signatures": "about servers with RSA-PSS certificates",
    "tls13-shuffled-extentions": f"{_ACCEPTS}a second hello with its extensions in another order",
    "tls13-signature-algorithms": f"{_LONG_LISTS}200 and more signature algorithms",
    "tls13-unrecognised-groups": f"{_LONG_LISTS}200 and more groups and key shares",
    "tls13-version-negotiation": "wants to fall back to TLS 1.1, and an alert where OpenSSL ends without one: a hello "
    "in the format of SSL 2",
    "truncating-of-client-hello": f"{_ALERT}illegal_parameter for a hello that is too long",
    "truncating-of-finished": _SHA1_ALONE,
    "truncating-of-kRSA-client-key-exchange": _SHA1_ALONE,
    "unsupported-curve-fallback": _SHA1_ALONE,
}
"""Scripts that succeed only in part, and why."""
