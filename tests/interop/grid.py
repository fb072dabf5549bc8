"""R24: every other implementation with ours, cell by cell.

``python -m tests.interop.grid`` runs every cell and prints the table; ``--markdown docs/interop.md``
writes it there.

A cell is one implementation, one version, one of our roles and one feature. It is good only if data went
both ways, both ends ended with close_notify, and each of them said the same about the version, the
certificates, the application protocol, the key and the resumption, as far as it says something.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding
from PySide6.QtCore import QCoreApplication, QEvent

from qtsecure.net.session_cache import sharedSessions
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.interop.foreign import DTLS, IMPLEMENTATIONS, LINE, Told
from tests.interop.ours import OurClient, OurDatagramClient, OurDatagramServer, OurServer
from tests.interop.programs import waitFor

FEATURES = ("certificate", "client certificate", "PSK", "resumption", "ALPN")
PSK = ("somebody", bytes(range(1, 33)))
PROTOCOL = "http/1.1"
TARGET = 60


class Cell(NamedTuple):
    """One connection, or two for a resumption."""

    implementation: str
    version: str
    role: str
    """Ours: ``"client"`` or ``"server"``."""
    feature: str

    def __str__(self) -> str:
        return f"{self.implementation}, {self.version}, our {self.role}, {self.feature}"

    @property
    def gap(self) -> str:
        """Why there can be no such connection, or an empty string."""
        other = "server" if self.role == "client" else "client"
        return IMPLEMENTATIONS[self.implementation].lacks(self.feature, self.version, other)


def cells() -> list[Cell]:
    """All of them, also those that cannot be."""
    return [
        Cell(name, version, role, feature)
        for name, implementation in IMPLEMENTATIONS.items()
        for version in implementation.versions
        for role in ("client", "server")
        for feature in FEATURES
    ]


# ------------------------------------------------------------------------------------ running


def run(cell: Cell, pki: PublicKeyInfrastructure) -> set[str]:
    """Make the connection.

    Returns:
        What the other side has confirmed: names of Told.

    Raises:
        AssertionError: The cell is not good.
    """
    return (_asClient if cell.role == "client" else _asServer)(cell, pki)


def _der(certificate: IssuedCertificate | None) -> bytes:
    return certificate.certificate.public_bytes(Encoding.DER) if certificate is not None else b""


def _asClient(cell: Cell, pki: PublicKeyInfrastructure) -> set[str]:
    implementation = IMPLEMENTATIONS[cell.implementation]
    psk = PSK if cell.feature == "PSK" else None
    shown = pki.client if cell.feature == "client certificate" else None
    alpn = cell.feature == "ALPN"
    session = None
    confirmed: set[str] = set()
    with implementation.server(
        pki.server if psk is None or implementation.needsCertificate else None,
        cell.version,
        clients=pki.ca.certificate if shown else None,
        alpn=[PROTOCOL] if alpn else [],
        psk=psk,
    ) as server:
        for resumed in (False, True) if cell.feature == "resumption" else (False,):
            sharedSessions.reset()  # only what is handed over counts
            client = (OurDatagramClient if cell.version == DTLS else OurClient)()
            try:
                client.connectTo(
                    server.port,
                    cell.version,
                    trust=pki.ca.certificate,
                    certificate=shown,
                    alpn=["h2", PROTOCOL] if alpn else [],
                    psk=psk,
                    session=session,
                )
                client.send(LINE)
                client.waitForReceived(server.answerTo(LINE))
                expected = _expected(cell, resumed=resumed)
                _agree("ours", client.told(), expected | {"certificate": _der(None if psk else pki.server)})
                confirmed |= _agree("theirs", server.told(), expected | {"certificate": _der(shown)})
                session = client.socket.session()
                client.disconnect()
                server.waitForCleanEnd()
                client.waitForEnd()
                assert client.recorder.count("errorOccurred") == 0, client.socket.errorString()
            finally:
                client.close()
    return confirmed


def _asServer(cell: Cell, pki: PublicKeyInfrastructure) -> set[str]:
    implementation = IMPLEMENTATIONS[cell.implementation]
    psk = PSK if cell.feature == "PSK" else None
    shown = pki.client if cell.feature == "client certificate" else None
    alpn = cell.feature == "ALPN"
    resume = cell.feature == "resumption"
    ours = (OurDatagramServer if cell.version == DTLS else OurServer)(
        None if psk else pki.server,
        cell.version,
        clients=pki.ca.certificate if shown else None,
        required=bool(shown),
        alpn=[PROTOCOL] if alpn else [],
        psk=psk,
    )
    try:
        with implementation.client(
            ours.port,
            cell.version,
            trust=None if psk else pki.ca.certificate,
            certificate=shown,
            alpn=["h2", PROTOCOL] if alpn else [],
            psk=psk,
            resume=resume,
        ) as client:
            client.send(LINE)
            client.waitForReceived(LINE)
            expected = _expected(cell, resumed=resume)
            if resume:
                assert [tale.resumed for tale in ours.tales] == [False, True]
            _agree("ours", ours.tales[-1], expected | {"certificate": _der(shown)})
            confirmed = _agree("theirs", client.told(), expected | {"certificate": _der(None if psk else pki.server)})
            client.close()
            if implementation.goodbye:
                waitFor(lambda: len(ours.ended) == len(ours.tales), "the end", lambda: ours.errors)
                assert all(ours.ended), "the end was not clean"
        assert ours.errors == []
    finally:
        ours.close()
    return confirmed


def _expected(cell: Cell, *, resumed: bool) -> dict[str, object]:
    return {
        "version": cell.version,
        "alpn": PROTOCOL if cell.feature == "ALPN" else "",
        "psk": cell.feature == "PSK",
        "resumed": resumed,
    }


def _agree(whose: str, told: Told, expected: dict[str, object]) -> set[str]:
    """Compare what was told; the names of what was told."""
    facts = told.facts()
    wrong = {name: value for name, value in facts.items() if value != expected[name]}
    assert not wrong, f"{whose}: told {wrong}, expected { {name: expected[name] for name in wrong} }"
    return set(facts)


# -------------------------------------------------------------------------------------- table


class Outcome(NamedTuple):
    """How a cell ended."""

    cell: Cell
    problem: str
    """Empty when it was good."""
    confirmed: frozenset[str] = frozenset()


def runAll(
    wanted: Iterable[Cell], pki: PublicKeyInfrastructure, show: Callable[[Outcome], object] = lambda _: None
) -> list[Outcome]:
    """Run the cells that can be, of the implementations that are here."""
    outcomes = []
    for cell in wanted:
        if cell.gap or IMPLEMENTATIONS[cell.implementation].missing():
            continue
        try:
            outcome = Outcome(cell, "", frozenset(run(cell, pki)))
        except Exception as error:  # noqa: BLE001 - the table is to be complete
            outcome = Outcome(cell, f"{type(error).__name__}: {error}")
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        outcomes.append(outcome)
        show(outcome)
    return outcomes


def rows(outcomes: Iterable[Outcome]) -> list[str]:
    """The table, and the reasons of its gaps."""
    found = {outcome.cell: outcome for outcome in outcomes}
    reasons: list[str] = []
    lines = [
        f"| implementation | version | our role | {' | '.join(FEATURES)} |",
        "|---|---|---|" + ":-:|" * len(FEATURES),
    ]
    for name, implementation in IMPLEMENTATIONS.items():
        for version in implementation.versions:
            for role in ("client", "server"):
                marks = [_mark(Cell(name, version, role, feature), found, reasons) for feature in FEATURES]
                shown = version if version == DTLS else f"TLS {version}"
                lines.append(f"| {implementation.title} | {shown} | {role} | {' | '.join(marks)} |")
    return [*lines, "", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))]


def _mark(cell: Cell, found: dict[Cell, Outcome], reasons: list[str]) -> str:
    if cell.gap:
        if cell.gap not in reasons:
            reasons.append(cell.gap)
        return f"- ({reasons.index(cell.gap) + 1})"
    if cell not in found:
        return "not run"
    return "**failed**" if found[cell].problem else "good"


def releases(outcomes: Iterable[Outcome]) -> list[str]:
    """Which releases took part, and what they have to say for themselves."""
    confirmed: dict[str, set[str]] = {}
    for outcome in outcomes:
        confirmed.setdefault(outcome.cell.implementation, set()).update(outcome.confirmed)
    lines = ["| implementation | release | tells about its own end |", "|---|---|---|"]
    for name, implementation in IMPLEMENTATIONS.items():
        told = confirmed.get(name, set())
        words = [word for field, word in _WORDS.items() if field in told]
        if implementation.goodbye:
            words.append("close_notify")
        lines.append(f"| {implementation.title} | {implementation.release() or 'not here'} | {', '.join(words)} |")
    return lines


_WORDS = {
    "version": "version",
    "certificate": "our certificate",
    "alpn": "ALPN",
    "psk": "PSK",
    "resumed": "resumption",
}


def writeInto(path: Path, outcomes: list[Outcome]) -> None:
    """Replace what is between the markers of a document."""
    text = path.read_text(encoding="utf-8")
    for name, lines in (("releases", releases(outcomes)), ("cells", rows(outcomes))):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, marker, after = rest.partition(end)
        if not marker:
            raise SystemExit(f"{path} has no place for {name}: {begin.strip()} and {end}.")
        text = f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{after}"
    path.write_text(text, encoding="utf-8")


def summary(outcomes: list[Outcome]) -> str:
    """The figure."""
    good = sum(not outcome.problem for outcome in outcomes)
    return f"{good} of {len(outcomes)} cells of the interoperability grid good (target: all of at least {TARGET})"


def main() -> int:
    """Run all; 1 if a cell is not good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", type=Path, help="write the table into this document")
    parser.add_argument("--only", default="", help="only cells with this in their name, for example 'gnutls, 1.3'")
    arguments = parser.parse_args()
    application = QCoreApplication.instance() or QCoreApplication([])
    wanted = [cell for cell in cells() if arguments.only in str(cell)]
    begin = time.monotonic()

    def show(outcome: Outcome) -> None:
        print(f"{time.monotonic() - begin:6.1f} s  {outcome.cell}: {outcome.problem or 'good'}", flush=True)

    outcomes = runAll(wanted, PublicKeyInfrastructure(), show)
    print("", *rows(outcomes), "", *releases(outcomes), "", summary(outcomes), sep="\n")
    if arguments.markdown:
        writeInto(arguments.markdown, outcomes)
    del application
    return 1 if any(outcome.problem for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
