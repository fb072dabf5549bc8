"""The thirty figures: what each is about, how it is measured, and what it takes to run it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FIGURES", "PLACES", "Entry"]

PLACES = ("tests/reliability", "tests/interop", "tests/fuzz")
"""Where tests are marked with figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One figure. Its targets stand in the tests, beside what they measure.

    Attributes:
        title: What it is about.
        method: How it is measured.
        cases: In how many cases a run has to look at least, all tests together: so many that no version or kind can be
            missing; 0 where nothing is counted.
        alone: It measures time, so nothing else may run at the same time.
        extra: Why it is not run unless it is asked for; empty for all that are.
    """

    title: str
    method: str
    cases: int = 0
    alone: bool = False
    extra: str = ""


FIGURES: dict[str, Entry] = {
    "R1": Entry(
        title="Plain text on the wire",
        method="A tap between client and server looks for a text that slots of every signal write, flush, or write "
        "before they close; TLS 1.2, TLS 1.3 and DTLS 1.2, both roles.",
        cases=530,
    ),
    "R2": Entry(
        title="Re-entrancy",
        method="Every signal of socket, peer and servers x every action a slot could think of, each in a process of "
        "its own: nested event loops, deletion, closing, connecting again. Nothing may crash, hang, raise, or get past "
        "the engine's guard.",
        cases=4300,
    ),
    "R3": Entry(
        title="Clients that fail",
        method="10,000 clients of eight kinds fail (leave, garbage, HTTP, reset, unknown certificate, no cipher in "
        "common, half a hello, alert) while good ones connect one after the other; over both transports.",
        cases=20_000,
        alone=True,
    ),
    "R4": Entry(
        title="Clients that say nothing",
        method="500 silent connections, then 50 good clients, with the default limit and with one that lets all stay.",
        alone=True,
    ),
    "R5": Entry(
        title="The deadline of a handshake",
        method="Clients that are silent, drip bytes, or never read; deadlines of 0.2 to 2 s.",
        alone=True,
    ),
    "R6": Entry(
        title="A flood of forged DTLS hellos",
        method="200,000 hellos from as many addresses, without a cookie and with one of others.",
        cases=200_000,
        alone=True,
    ),
    "R7": Entry(
        title="DTLS handshakes at 10 % loss",
        method="A simulated link with a round trip of 10 ms; simulated time.",
        cases=200,
    ),
    "R8": Entry(
        title="DTLS handshakes at 30 % loss",
        method="The same link, which also repeats 10 % and reorders 30 % of the datagrams; simulated time.",
        cases=200,
    ),
    "R9": Entry(
        title="Forged datagrams during a DTLS handshake",
        method="22 kinds of forgeries x both roles x three moments x five kinds of handshakes; damaged cookies; and "
        "several forgeries at random moments with 5 % loss.",
        cases=550,
    ),
    "R10": Entry(
        title="Forged datagrams after a DTLS handshake",
        method="100,000 replayed, mutated, cut and invented datagrams, to both ends.",
        cases=100_000,
    ),
    "R11": Entry(
        title="Each datagram of a DTLS handshake lost, repeated or late",
        method="One accident to each datagram in turn; certificates, client certificates, keys, resumption, without "
        "cookies; datagrams of 1200 and of 300 bytes.",
        cases=200,
    ),
    "R12": Entry(
        title="Damage to every byte of a handshake",
        method="A flipped bit at, and a cut behind, every byte of TLS 1.2 and 1.3 handshakes with client certificates; "
        "damaged DTLS datagrams at random.",
        cases=20_000,
    ),
    "R13": Entry(
        title="Certificates",
        method="Chains, good and bad, x TLS 1.2, TLS 1.3, DTLS 1.2 x both roles: the verdict, every error, the alert.",
        cases=500,
    ),
    "R14": Entry(
        title="Host names",
        method="Names in certificates against names asked for, by handshakes. service_identity agrees with the table.",
        cases=100,
    ),
    "R15": Entry(
        title="Sessions of others",
        method="Sessions offered to, or cached for, connections that differ in one setting, and between virtual "
        "hosts with and without client certificates; TLS 1.2, TLS 1.3, DTLS 1.2.",
        cases=120,
    ),
    "R16": Entry(
        title="Pre-shared keys",
        method="Identities, keys, hashes, ciphers, and certificates beside them: who gets through, by what, and what "
        "the other end is told; TLS 1.2, TLS 1.3, DTLS 1.2.",
        cases=130,
    ),
    "R17": Entry(
        title="Cut streams",
        method="The transport ends at, and around, every boundary of a record and inside records, in both directions.",
        cases=300,
    ),
    "R18": Entry(
        title="Memory when somebody does not read",
        method="64 MiB for a peer that never reads, and for a program that never reads; limits of 1 MiB.",
    ),
    "R19": Entry(
        title="Memory while a gibibyte passes",
        method="The high-water mark of a process that has both ends.",
    ),
    "R20": Entry(
        title="Leaks",
        method="10,000 TLS connections and 3,000 DTLS associations made, used and ended in four ways: memory, "
        "descriptors, QObjects, connections, contexts, streams, hooks and timers that are left.",
        cases=16_000,
    ),
    "R21": Entry(
        title="Floods after the handshake",
        method="tlslite-ng sends up to 10,000 KeyUpdates, tickets, empty records, warnings, hellos and hello requests.",
        cases=32,
    ),
    "R22": Entry(
        title="Stalls of the event loop",
        method="The lateness of a timer of 1 ms while 1 GiB is sent, and while 100 clients handshake at once, from "
        "when the program has asked for them; both ends are in the same thread, and the garbage collector leaves "
        "alone what the imports have made.",
        alone=True,
    ),
    "R23": Entry(
        title="Memory of a connection",
        method="Resident memory by 1,000 established pairs, and by 1,000 accepted sockets that have said nothing.",
        alone=True,
    ),
    "R24": Entry(
        title="Interoperation",
        method="OpenSSL's and GnuTLS's command lines, tlslite-ng, trio, Python's ssl, QSslSocket and QDtls x versions "
        "x certificates, client certificates, keys, resumption, ALPN; the cells are in docs/interop.md.",
        cases=60,
    ),
    "R25": Entry(
        title="Fuzzing",
        method="Mutations of a saved corpus for everything that parses bytes of others.",
        cases=300_000,
    ),
    "R26": Entry(
        title="tlsfuzzer",
        method="All scripts of tlsfuzzer, each with the arguments that fit, against servers of ours, where "
        "QTSECURE_TLSFUZZER names a checkout.",
    ),
    "R27": Entry(
        title="Exceptions in slots and callbacks",
        method="Slots of every signal of TLS and DTLS raise: each exception is reported once, the connection takes the "
        "safe default.",
        cases=110,
    ),
    "R28": Entry(
        title="Secrets",
        method="Keys are looked for in texts, logs, tracebacks, pickles, objects, and the whole memory of a process.",
        cases=10,
    ),
    "R29": Entry(
        title="Calls from the wrong thread",
        method="Every public method, of sockets that are connected and not, associations, servers, SocketClient, "
        "decisions and questions.",
        cases=600,
    ),
    "R30": Entry(
        title="Chaos",
        method="53 kinds of TLS and DTLS clients, 40 at once: over routes that stall, cut, reset, damage, lose and "
        "repeat, with good and bad certificates and keys, resumed, and deleted by slots; attackers beside them. Every "
        "payload is compared, every error has to have a reason, and nothing may be left.",
        extra="takes eight minutes: --soak",
    ),
}
