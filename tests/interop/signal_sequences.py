"""The same scenarios with Qt's own classes and with ours: which signals come, and in which order.

``python -m tests.interop.signal_sequences`` prints every sequence that differs, and whether the
difference is documented. Each side runs in a process of its own, because Qt is noisy and loads
another OpenSSL. What is compared are the signals of the client, of the server, and of the server's
socket from the moment it is fetched.

Left out are byte counts, which depend on timing and records (qt-1.7#69, #72), and
``acceptCertificate``, which Qt does not have; a run of ``readyRead`` counts as one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from difflib import ndiff
from pathlib import Path
from typing import NamedTuple

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.signal_scenarios import SCENARIOS, Kit, QtKit, Sequences, Stage

# ------------------------------------------------------------------------------- differences


class Difference(NamedTuple):
    """Lines that one side has and the other has not, wherever they are found."""

    items: tuple[int, ...]
    """The numbers in the table of semantics (docs/semantics/qt.md) that explain it."""
    lines: tuple[str, ...]
    """``-``: only in Qt; ``+``: only ours."""
    where: tuple[str, ...]
    """Scenario, version if only one is meant, and the object."""


NOT_QUEUED = ("- pendingConnectionAvailable",)
"""Our client of TLS 1.2 judges before its Finished, so the server never gets as far as queueing."""
PHANTOM = ("- alertSent Warning CloseNotify",)
"""An alert that Qt announces and does not send."""

DOCUMENTED = (
    Difference(
        (74,),
        ("- stateChanged ClosingState",),
        (
            "clientDisconnects client",
            "clientDisconnectsBehindData client",
            "serverDisconnects peer",
            "connectedTwice peer",
            "disconnectedBeforeEncrypted client",
            "disconnectedBeforeEncryptedWithData client",
        ),
    ),
    Difference(
        (46, 48, 43),
        ("- errorOccurred RemoteHostClosedError", "+ alertSent Warning CloseNotify", *PHANTOM),
        (
            "clientDisconnects peer",
            "clientDisconnectsBehindData peer",
            "clientCloses peer",
            "serverDisconnects client",
            "connectedTwice client",
            "disconnectedBeforeEncrypted peer",
            "disconnectedBeforeEncryptedWithData peer",
        ),
    ),
    Difference(
        (43,),
        PHANTOM,
        (
            "clientAborts client",
            "clientAborts peer",
            "serverAborts client",
            "serverAborts peer",
            "clientCertificateMissing 1.3 client",
            "clientCertificateMissing 1.3 server",
        ),
    ),
    Difference(
        (76, 74),
        ("+ aboutToClose", "- stateChanged ClosingState", "- aboutToClose"),
        ("clientCloses client",),
    ),
    Difference(
        (43,),
        ("+ alertSent Fatal UnknownCa", *PHANTOM),
        (
            "selfSignedRejected client",
            "interruptAndContinueWithoutIgnoring client",
            "clientCertificateRejected server",
        ),
    ),
    Difference((43,), ("+ alertSent Fatal BadCertificate", *PHANTOM), ("wrongHost client",)),
    Difference((43,), ("+ alertSent Fatal HandshakeFailure", *PHANTOM), ("clientCertificateMissing 1.2 server",)),
    Difference(
        (43, 26),
        (*NOT_QUEUED, "+ alertReceived Fatal UnknownCa", "+ errorOccurred SslHandshakeFailedError"),
        ("selfSignedRejected 1.2 server", "interruptAndContinueWithoutIgnoring 1.2 server"),
    ),
    Difference(
        (43, 26),
        (*NOT_QUEUED, "+ alertReceived Fatal BadCertificate", "+ errorOccurred SslHandshakeFailedError"),
        ("wrongHost 1.2 server",),
    ),
    Difference((26,), (*NOT_QUEUED, "+ errorOccurred RemoteHostClosedError"), ("abortInSslErrors 1.2 server",)),
    Difference(
        (26,),
        (
            "- errorOccurred RemoteHostClosedError",
            "- stateChanged ClosingState",
            "- stateChanged UnconnectedState",
            "- readChannelFinished",
            *PHANTOM,
            "- disconnected",
        ),
        (
            "selfSignedRejected 1.2 peer",
            "wrongHost 1.2 peer",
            "abortInSslErrors 1.2 peer",
            "interruptAndContinueWithoutIgnoring 1.2 peer",
        ),
    ),
    Difference(
        (43,),
        (
            "- errorOccurred RemoteHostClosedError",
            "+ alertReceived Fatal UnknownCa",
            "+ errorOccurred SslHandshakeFailedError",
        ),
        ("selfSignedRejected 1.3 server", "interruptAndContinueWithoutIgnoring 1.3 server"),
    ),
    Difference(
        (43,),
        (
            "- errorOccurred RemoteHostClosedError",
            "+ alertReceived Fatal BadCertificate",
            "+ errorOccurred SslHandshakeFailedError",
        ),
        ("wrongHost 1.3 server",),
    ),
    Difference((77, 43), (*PHANTOM, "- errorOccurred SslHandshakeFailedError"), ("abortInSslErrors client",)),
    Difference(
        (43, 45),
        (
            "- errorOccurred RemoteHostClosedError",
            "- stateChanged ClosingState",
            "+ alertReceived Fatal HandshakeFailure",
            "+ errorOccurred SslHandshakeFailedError",
            "+ aboutToClose",
        ),
        ("clientCertificateMissing 1.2 client",),
    ),
    Difference(
        (43, 45),
        (
            "- errorOccurred RemoteHostClosedError",
            "- stateChanged ClosingState",
            "+ alertReceived Fatal UnknownCa",
            "+ errorOccurred SslHandshakeFailedError",
            "+ aboutToClose",
        ),
        ("clientCertificateRejected 1.2 client",),
    ),
    Difference(
        (43, 44),
        (
            "- errorOccurred RemoteHostClosedError",
            "+ alertReceived Fatal UnknownCa",
            "+ errorOccurred SslInternalError",
            *PHANTOM,
        ),
        ("clientCertificateRejected 1.3 client",),
    ),
    Difference(
        (44,),
        ("- errorOccurred RemoteHostClosedError",),
        ("clientCertificateMissingIsFatal 1.3 client", "clientCertificateRejectedEarly 1.3 client"),
    ),
    Difference((19,), ("+ errorOccurred SslHandshakeFailedError",), ("plaintextClient server",)),
    Difference(
        (49,),
        (
            "+ alertSent Fatal HandshakeFailure",
            "+ errorOccurred SslInvalidUserDataError",
            "- alertReceived Fatal HandshakeFailure",
            "- errorOccurred SslHandshakeFailedError",
        ),
        ("serverWithoutCertificate 1.2 server",),
    ),
    Difference(
        (49,),
        ("- errorOccurred SslHandshakeFailedError", "+ errorOccurred SslInvalidUserDataError"),
        ("serverWithoutCertificate 1.3 server",),
    ),
    Difference(
        (49,),
        ("- alertSent Fatal HandshakeFailure", "+ alertReceived Fatal HandshakeFailure"),
        ("serverWithoutCertificate 1.2 client",),
    ),
    # Our hello has gone out when the slots of connected run.
    Difference((34, 67), ("+ startedEncryptionHandshake",), ("abortedWhenConnected server",)),
)


class Place(NamedTuple):
    """Whose sequence it is."""

    scenario: str
    version: str
    owner: str


def documented() -> dict[Place, Difference]:
    """The table by place."""
    result = {}
    for difference in DOCUMENTED:
        for where in difference.where:
            scenarioName, *version, owner = where.split()
            for each in version or SCENARIOS[scenarioName][1]:
                result[Place(scenarioName, each, owner)] = difference
    return result


# ------------------------------------------------------------------------------------ running


def writeCertificates(directory: Path) -> None:
    """What the kits read."""
    pki = PublicKeyInfrastructure()
    pki.ca.writeTo(directory)
    for name in ("server", "selfSigned", "wrongHost", "unknownCa", "client", "clientUnknownCa"):
        getattr(pki, name).writeTo(directory, name)


def work(kit: Kit) -> None:
    """Run every scenario and print a line of JSON for each."""
    from PySide6.QtCore import QCoreApplication, QEvent

    application = QCoreApplication([])
    for name, (run, versions) in SCENARIOS.items():
        for version in versions:
            stage = Stage(kit, version)
            run(stage)
            stage.settle()
            print(json.dumps([name, version, stage.sequences()]), flush=True)
            stage.close()
            application.processEvents()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def results(kit: str, directory: Path) -> dict[tuple[str, str], Sequences]:
    """Run the scenarios in a process of their own."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.interop.signal_sequences", "--kit", kit, str(directory)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = {(name, version): sequences for name, version, sequences in map(json.loads, process.stdout.splitlines())}
    expected = [(name, version) for name, (_, versions) in SCENARIOS.items() for version in versions]
    missing = [key for key in expected if key not in found]
    if process.returncode or missing:
        raise RuntimeError(f"{kit}: exit code {process.returncode}, stopped in {missing[:1]}:\n{process.stderr}")
    return found


def differences() -> dict[Place, tuple[list[str], list[str]]]:
    """Every sequence that differs, Qt's and ours."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor() as both:
        directory = Path(name)
        writeCertificates(directory)
        qt, ours = both.map(results, ("qt", "ours"), (directory, directory))
    return {
        Place(*key, owner): (told, ours[key][owner])
        for key, sequences in qt.items()
        for owner, told in sequences.items()
        if told != ours[key][owner]
    }


def unexplained(found: dict[Place, tuple[list[str], list[str]]]) -> list[str]:
    """What is not as documented, in words; also documented differences that are gone."""
    table = documented()
    problems = []
    for place, sequences in found.items():
        known = table.get(place)
        if known is None or known.lines != changedLines(*sequences):
            problems.append(
                "\n".join([f"{' '.join(place)} differs in another way than documented:", *listing(*sequences)])
            )
    problems += [f"{' '.join(place)}: the documented difference is gone" for place in table.keys() - found.keys()]
    return problems


def listing(qt: list[str], ours: list[str]) -> list[str]:
    """Both sequences as one, for humans."""
    return [f"    {line}" for line in ndiff(qt, ours) if line[0] != "?"]


def changedLines(qt: list[str], ours: list[str]) -> tuple[str, ...]:
    """Only what one side has and the other has not."""
    return tuple(line.replace("  ", " ") for line in ndiff(qt, ours) if line[0] in "+-")


def main() -> int:
    """Print every difference; 1 if one of them is not documented."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kit", choices=["qt", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("directory", type=Path, nargs="?", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.kit:
        work({"qt": QtKit, "ours": Kit}[arguments.kit](arguments.directory))
        return 0
    found = differences()
    table = documented()
    for place, sequences in found.items():
        items = ", ".join(f"#{item}" for item in table[place].items) if place in table else "not documented"
        print(f"{' '.join(place)} ({items})", *listing(*sequences), sep="\n")
    problems = unexplained(found)
    print(f"{len(SCENARIOS)} scenarios, {len(found)} sequences differ, {len(problems)} of them not as documented")
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
