"""Two TLS streams and a wire between them, without sockets; and certificates with any flaw."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from qtsecure.engine.certificates import Credentials
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.events import (
    AlertReceived,
    AlertSent,
    CertificateProblems,
    Event,
    HandshakeCompleted,
    StreamFailed,
)
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.psk import PreSharedKey, PskHash
from qtsecure.engine.sessions import Session
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.trust import TrustAnchors
from qtsecure.engine.verification import IssueCode
from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate

Version = Literal["1.2", "1.3"]
VERSIONS: tuple[Version, ...] = ("1.2", "1.3")
NUMBERS = {"1.2": ProtocolVersion.TLS_1_2, "1.3": ProtocolVersion.TLS_1_3}

Answer = Literal["accept", "reject", "wait"]


# ------------------------------------------------------------------------------- configurations


def credentials(certificate: IssuedCertificate) -> Credentials:
    """Certificate and key of the throw-away PKI as the engine wants them."""
    return Credentials(certificate.chain, certificate.privateKey)


def limited(configuration: TlsConfiguration, version: Version | None) -> TlsConfiguration:
    """The same configuration for one protocol version only."""
    if version is None:
        return configuration
    number = NUMBERS[version]
    return dataclasses.replace(configuration, minimum_version=number, maximum_version=number)


def client_configuration(
    authorities: Iterable[x509.Certificate] = (), version: Version | None = None, **fields: Any
) -> TlsConfiguration:
    """A client that trusts these authorities."""
    anchors = tuple(authorities)
    if anchors:
        fields["trust"] = TrustAnchors.of(anchors)
    return limited(TlsConfiguration(**fields), version)


def server_configuration(
    certificate: IssuedCertificate | None,
    version: Version | None = None,
    *,
    clients: Iterable[x509.Certificate] = (),
    **fields: Any,
) -> TlsConfiguration:
    """A server with this certificate; it verifies clients if it trusts any ``clients``."""
    anchors = tuple(clients)
    if anchors:
        fields["trust"] = TrustAnchors.of(anchors)
    fields.setdefault("verify_mode", VerifyMode.PEER if anchors else VerifyMode.NONE)
    own = credentials(certificate) if certificate is not None else None
    return limited(TlsConfiguration(credentials=own, **fields), version)


# ------------------------------------------------------------------------------------- the wire


def der_chain(chain: Iterable[x509.Certificate]) -> tuple[bytes, ...]:
    """The encodings of certificates, as a stream gives them."""
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)


class Told:
    """What a stream or an association has told.

    Attributes:
        events: Every event so far.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def failure(self) -> StreamFailed | None:
        """The failure, which must be the last event and the only one of its kind."""
        failures = self.of(StreamFailed)
        if not failures:
            return None
        assert len(failures) == 1
        assert self.events[-1] is failures[0]
        failure: StreamFailed = failures[0]
        return failure

    @property
    def alerts_sent(self) -> list[int]:
        """The codes of the fatal alerts that it sent."""
        return [event.description for event in self.of(AlertSent) if event.level == 2]

    @property
    def alerts_received(self) -> list[int]:
        """The codes of the fatal alerts that it received."""
        return [event.description for event in self.of(AlertReceived) if event.level == 2]


class Side(Told):
    """One stream, everything that it told, and everything that it sent.

    Attributes:
        stream: The stream itself.
        answer: What it answers to a certificate decision.
        sent: Every byte that it gave to the wire.
        plaintext: What was read from it.
        react: Called with each event; returns whether it has answered.
    """

    def __init__(self, stream: TlsStream, answer: Answer) -> None:
        super().__init__()
        self.stream = stream
        self.answer = answer
        self.sent = bytearray()
        self.plaintext = bytearray()
        self.decisions_asked = 0
        self.react: Callable[[Event], bool] = lambda event: False

    def take(self) -> bytes:
        """Everything that it wants to send now."""
        data = bytearray()
        while len(part := self.stream.take_outgoing()):
            data += part
        self.sent += data
        return bytes(data)

    def settle(self) -> bool:
        """Fetch the events and answer decisions; whether it answered one."""
        answered = False
        while (event := self.stream.next_event()) is not None:
            self.events.append(event)
            answered |= self.react(event)
            if isinstance(event, CertificateProblems) and event.decision_needed:
                self.decisions_asked += 1
                if self.answer == "accept":
                    self.stream.accept_certificate()
                    answered = True
                elif self.answer == "reject":
                    self.stream.reject_certificate()
                    answered = True
        return answered

    def drain(self) -> bytes:
        """Read all plaintext that there is, and the events after it; return the new plaintext."""
        new = bytearray()
        while data := self.stream.read(1 << 20):
            new += data
        self.plaintext += new
        self.settle()
        return bytes(new)

    @property
    def completed(self) -> bool:
        """Whether it told, once, that the handshake is complete."""
        completions = self.of(HandshakeCompleted)
        assert len(completions) <= 1
        return bool(completions)

    @property
    def issue_codes(self) -> list[int]:
        """The codes of everything that it found wrong with the peer's certificate."""
        return [issue.code for issue in self.stream.issues]


class Pair:
    """A client and a server stream; :meth:`run` is the network."""

    def __init__(
        self,
        client: TlsConfiguration,
        server: TlsConfiguration,
        *,
        name: str = "localhost",
        client_answer: Answer = "reject",
        server_answer: Answer = "reject",
        client_decisions: HandshakeDecisions | None = None,
        server_decisions: HandshakeDecisions | None = None,
        place: str = "",
        session: Session | None = None,
        client_chooses: bool = False,
        server_chooses: bool = False,
        traced: bool = False,
    ) -> None:
        stream = TlsStream(
            client,
            server=False,
            peer_name=name,
            decisions=client_decisions,
            peer_place=place,
            session=session,
            chooses=client_chooses,
            traced=traced,
        )
        self.client = Side(stream, client_answer)
        accepted = TlsStream(server, server=True, decisions=server_decisions, chooses=server_chooses, traced=traced)
        self.server = Side(accepted, server_answer)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.client, self.server

    def start(self) -> Pair:
        """Begin on both sides."""
        self.server.stream.start()
        self.client.stream.start()
        return self

    def run(self, chunk: int = 0) -> Pair:
        """Carry bytes to and fro, in pieces of ``chunk`` bytes (0: whole), until nothing moves."""
        moved = True
        while moved:
            moved = False
            for source, target in ((self.client, self.server), (self.server, self.client)):
                moved |= source.settle()
                data = source.take()
                moved |= bool(data)
                for piece in pieces(data, chunk):
                    target.stream.receive(piece)
                moved |= target.settle()
        return self

    def handshake(self, chunk: int = 0) -> Pair:
        """Start and run."""
        return self.start().run(chunk)

    def established(self) -> Pair:
        """A handshake that must succeed on both sides."""
        self.handshake()
        assert self.client.completed, self.client.events
        assert self.server.completed, self.server.events
        return self

    def say(self, data: bytes, *, from_server: bool = False) -> bytes:
        """Send data from one side and return what the other reads."""
        source, target = (self.server, self.client) if from_server else (self.client, self.server)
        source.stream.write(data)
        target.stream.receive(source.take())
        return target.drain()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Cut data into pieces; 0 leaves it whole."""
    if not size:
        if data:
            yield data
        return
    for start in range(0, len(data), size):
        yield data[start : start + size]


def records(data: bytes) -> list[bytes]:
    """Split ciphertext into whole TLS records."""
    found = []
    while data:
        end = 5 + int.from_bytes(data[3:5], "big")
        assert len(data) >= end
        found.append(data[:end])
        data = data[end:]
    return found


# ------------------------------------------------------------------------- a peer on pyOpenSSL


class BarePeer:
    """pyOpenSSL without the engine: for what the engine would never do itself."""

    def __init__(self, context: SSL.Context, *, server: bool) -> None:
        self.connection = SSL.Connection(context, None)
        if server:
            self.connection.set_accept_state()
        else:
            self.connection.set_connect_state()

    def take(self) -> bytes:
        """Everything that it wants to send now."""
        data = b""
        while True:
            try:
                data += self.connection.bio_read(1 << 16)
            except SSL.WantReadError:
                return data

    def handshake(self, stream: TlsStream) -> None:
        """Complete a handshake with the stream, which has been started; SSL.Error when it fails."""
        for _ in range(10):
            done = True
            try:
                self.connection.do_handshake()
            except SSL.WantReadError:
                done = False
            stream.receive(self.take())
            answer = b""
            while len(part := stream.take_outgoing()):
                answer += bytes(part)
            if answer:
                self.connection.bio_write(answer)
            elif done:
                return


# --------------------------------------------------------------------- certificates with a flaw


def make_certificate(
    issuer: CertificateAuthority | IssuedCertificate | None,
    names: Sequence[str | x509.GeneralName] = ("localhost",),
    *,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    hash_algorithm: HashAlgorithm | None = None,
    not_before: dt.datetime | None = None,
    not_after: dt.datetime | None = None,
    common_name: str = "flawed",
    ca: bool = False,
    key_usage: bool = True,
    path_length: int | None = None,
    send: Sequence[x509.Certificate] = (),
) -> IssuedCertificate:
    """A certificate with everything under control; self-signed without issuer.

    Args:
        issuer: Who signs it.
        names: The alternative names; empty for none.
        extensions: More extensions, with their criticality.
        key: Its key; a new EC key if None.
        hash_algorithm: What it is signed with; SHA-256 if None.
        not_before: Yesterday if None.
        not_after: In 30 days if None.
        common_name: The subject's common name.
        ca: Whether it is an authority.
        key_usage: Whether to say what the key is for.
        path_length: How many authorities may follow.
        send: What else to send after it.
    """
    own_key = key or ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    parent = None if issuer is None else issuer.certificate
    signer = own_key if issuer is None else issuer.privateKey
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if parent is None else parent.subject)
        .public_key(own_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before or now - dt.timedelta(days=1))
        .not_valid_after(not_after or now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own_key.public_key()), critical=False)
    )
    if parent is not None:
        identifier = parent.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
    if key_usage:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=True,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=ca,
            crl_sign=ca,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(map(general_name, names)), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(signer, hash_algorithm or SHA256())  # type: ignore[arg-type]  # no Ed25519 here
    return IssuedCertificate(certificate, own_key, (certificate, *send))


def general_name(name: str | x509.GeneralName) -> x509.GeneralName:
    """A DNS name or an IP address, whichever the text looks like."""
    if isinstance(name, x509.GeneralName):
        return name
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def constrained_authority(root: CertificateAuthority, constraints: x509.NameConstraints) -> IssuedCertificate:
    """An intermediate authority that may only certify some names."""
    return make_certificate(root, (), ca=True, extensions=((constraints, True),), common_name="constrained CA")


CLIENT_AUTH = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
SERVER_AUTH = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)


# --------------------------------------------------------------------------------- the decisions


class Recorder(HandshakeDecisions):
    """Answers as it is told and remembers what it was asked."""

    def __init__(
        self,
        *,
        continues: bool = False,
        accepts: bool | None = None,
        client_key: tuple[bytes, bytes] | None = None,
        server_keys: dict[bytes, bytes] | None = None,
        inside: Callable[[str], None] | None = None,
        psk_hash: PskHash = PskHash.SHA256,
    ) -> None:
        self.psk_hash = psk_hash
        self.keys_given: list[bytearray] = []
        self.continues = continues
        self.accepts = accepts
        self.client_key = client_key
        self.server_keys = server_keys or {}
        self.inside = inside
        self.asked: list[tuple[str, object]] = []

    def _note(self, question: str, detail: object) -> None:
        self.asked.append((question, detail))
        if self.inside is not None:
            self.inside(question)

    def of(self, question: str) -> list[Any]:
        """What one question was about, each time."""
        return [detail for asked, detail in self.asked if asked == question]

    def continue_after(self, issue: Any) -> bool:
        self._note("continue_after", issue)
        return self.continues

    def accept_now(self, issues: Any) -> bool | None:
        self._note("accept_now", issues)
        return self.accepts

    def psk_for_server(self, hint: bytes) -> PreSharedKey | None:
        self._note("psk_for_server", hint)
        return None if self.client_key is None else self._answer(PreSharedKey(*self.client_key, self.psk_hash))

    def psk_for_client(self, identity: bytes) -> PreSharedKey | None:
        self._note("psk_for_client", identity)
        key = self.server_keys.get(identity)
        return None if key is None else self._answer(PreSharedKey(identity, key, self.psk_hash))

    def _answer(self, key: PreSharedKey) -> PreSharedKey:
        self.keys_given.append(key.key)
        return key


def codes(*issues: IssueCode) -> list[int]:
    """The plain numbers of issue codes."""
    return [int(issue) for issue in issues]


def refusal(stream: TlsStream) -> StreamFailed:
    """The last event of a stream that has failed."""
    events = list(iter(stream.next_event, None))
    assert isinstance(events[-1], StreamFailed)
    return events[-1]
