"""The rows of the table: what is run, how often, and what the ratio has to be."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ROWS", "Row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        title: What it measures.
        workload: The function in ``workloads``.
        count: Its amount of work.
        options: Further arguments.
        figure: Which of its results is compared.
        unit: Of the figure, where it is not the workload's own.
        group: The key-exchange group that both sides are pinned to; empty for each side's default.
        lower: Small is good.
        must: The ratio to Qt that has to be reached (or not exceeded); None where none is set.
        goal: The ratio that is aimed for.
        absolute: The bound is on our own figure, not on the ratio.
        baseline: What is subtracted from our figure before the absolute bound: another row's name.
        own: The ratio is that to our own figure of another row: its name.
    """

    title: str
    workload: str
    count: int
    options: dict[str, int | str] = field(default_factory=dict)
    figure: str = "value"
    unit: str = ""
    group: str = ""
    lower: bool = False
    must: float | None = None
    goal: float | None = None
    absolute: bool = False
    baseline: str = ""
    own: str = ""


ROWS: dict[str, Row] = {
    "handshakes": Row(title="full TLS 1.3 handshakes", workload="handshakes", count=400, must=1.8, goal=2.5),
    "handshakes-same-group": Row(
        title="the same, X25519 on both sides", workload="handshakes", count=400, group="X25519"
    ),
    "resumed": Row(
        title="resumed TLS 1.3 handshakes, against Qt's full ones", workload="resumed", count=400, must=3, goal=5
    ),
    "bulk-64k": Row(title="one direction, 64 KiB writes", workload="bulk64k", count=600, must=1.4, goal=1.7),
    "bulk-1m": Row(title="one direction, 1 MiB writes", workload="bulk1m", count=600, must=1.4, goal=1.7),
    "ping-pong": Row(title="64 bytes there and back", workload="pingPong", count=20_000, must=1.1, goal=1.4),
    "ping-pong-3000": Row(
        title="the same beside 3000 idle pairs",
        workload="pingPong",
        count=2_000,
        options={"idle": 3000},
        must=50,
        goal=80,
    ),
    "ping-pong-flat": Row(
        title="beside 3000 idle pairs against our own rate without them",
        workload="pingPong",
        count=2_000,
        options={"idle": 3000},
        own="ping-pong",
        must=0.9,
    ),
    "setup-3000": Row(
        title="time to set up 3000 pairs",
        workload="pingPong",
        count=2_000,
        options={"idle": 3000},
        figure="setup",
        unit="s",
        lower=True,
        must=0.25,
        goal=0.12,
    ),
    "memory-pair": Row(
        title="memory of an idle pair",
        workload="pingPong",
        count=2_000,
        options={"idle": 3000},
        figure="memory",
        unit="B",
        lower=True,
        must=0.6,
        goal=0.35,
    ),
    "memory-silent": Row(
        title="accepted socket that has said nothing",
        workload="silentSockets",
        count=1000,
        lower=True,
        must=12,
        absolute=True,
    ),
    "lateness-idle": Row(title="1 ms timer, idle, 99.9th percentile", workload="lateness", count=1, lower=True),
    "lateness-bulk": Row(
        title="the same while 1 GiB is sent",
        workload="lateness",
        count=1024,
        options={"load": "bulk"},
        lower=True,
        must=20,
        goal=8,
        absolute=True,
        baseline="lateness-idle",
    ),
    "lateness-handshakes": Row(
        title="the same while 100 clients handshake",
        workload="lateness",
        count=5,
        options={"load": "handshakes"},
        lower=True,
        must=50,
        goal=16,
        absolute=True,
        baseline="lateness-idle",
    ),
    "lateness-operations": Row(
        title="the same while 1000 connections are made at once, ours by one SocketClient",
        workload="lateness",
        count=1000,
        options={"load": "operations"},
        lower=True,
        must=50,
        goal=16,
        absolute=True,
        baseline="lateness-idle",
    ),
    "handshakes-2-threads": Row(
        title="full TLS 1.3 handshakes, two threads", workload="secondCore", count=800, options={"work": "handshakes"}
    ),
    "bulk-2-threads": Row(
        title="one direction, 64 KiB writes, two threads", workload="secondCore", count=1200, options={"work": "bulk"}
    ),
    "dtls-echo-1100": Row(
        title="DTLS 1.2 echo, 1100 bytes at MTU 1200",
        workload="dtlsEcho",
        count=60_000,
        options={"size": 1100},
        must=1.1,
        goal=1.4,
    ),
    "dtls-echo-100": Row(
        title="the same, 100 bytes", workload="dtlsEcho", count=60_000, options={"size": 100}, must=1.1, goal=1.4
    ),
    "dtls-handshakes": Row(
        title="full DTLS 1.2 handshakes, with cookies", workload="dtlsHandshakes", count=400, must=1.5, goal=2.5
    ),
    "dtls-peers-1": Row(title="DtlsServer echo rate, 1 peer", workload="dtlsPeers", count=60_000, options={"peers": 1}),
    "dtls-peers-1000": Row(
        title="the same beside 999 live peers, against the row above",
        workload="dtlsPeers",
        count=60_000,
        options={"peers": 1000},
        must=0.9,
        goal=1.0,
        own="dtls-peers-1",
    ),
    "import": Row(
        title="import and one socket, against the imports below it",
        workload="importTime",
        count=7,
        lower=True,
        must=1.2,
        goal=1.05,
    ),
}
