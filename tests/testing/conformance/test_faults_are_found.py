"""The suites find what they are for: each of these has one fault, and the test that is made for it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

import qtsecure

ROOT = Path(qtsecure.__file__).parent.parent
HEAD = """
import pytest
from qtsecure import DatagramTransport
from qtsecure.testing.conformance import DeviceConformance, TransportConformance
from tests.net.carriers import PipeEnd

class TestIt(DeviceConformance):
    bounded = False
    patience = 100

    @pytest.fixture
    def devices(self, qapp):
        one, two = Faulty(), Faulty()
        one.other, two.other = two, one
        return one, two
"""
DEVICES = {
    "it loses the end of large writes": (
        "def write(self, data): return super().write(bytes(data)[:60000]) and len(data)",
        "test_big_writes_in_both_directions",
    ),
    "it gives bytes in another order": (
        "def readData(self, maxlen): return super().readData(maxlen)[::-1]",
        "test_bytes_arrive_complete_and_in_order",
    ),
    "it cuts at NUL": (
        "def write(self, data): return super().write(bytes(data).partition(b'\\0')[0]) and len(data)",
        "test_any_byte_may_be_sent",
    ),
    "it takes an empty write for the end": (
        "def write(self, data): return super().write(data) if data else self.close() or 0",
        "test_an_empty_write_is_nothing",
    ),
    "it announces every second time only": (
        """turn = 0
    def write(self, data):
        self.turn += 1
        self.other.blockSignals(self.turn % 2 == 0)
        return super().write(data)""",
        "test_every_byte_is_announced",
    ),
    "it tells its end twice": (
        """def close(self):
        other = self.other
        super().close()
        if other is not self:
            other.readChannelFinished.emit()""",
        "test_an_abort_is_told_once",
    ),
    "it tells nobody of its end": (
        "def close(self): self.other = self; super().close()",
        "test_a_close_delivers_everything",
    ),
    "it forgets what was not read": (
        """def close(self):
        self.other._incoming.clear()
        super().close()""",
        "test_what_came_before_the_end_stays_readable",
    ),
}
TRANSPORTS = """
import pytest
from qtsecure import DatagramTransport
from qtsecure.testing.conformance import TransportConformance

class Faulty(DatagramTransport):
    other = None
    def send(self, datagram):
        if self.isClosed():
            return False
        self.carry(datagram)
        return True
    def carry(self, datagram):
        if not self.other.isClosed():
            self.other.datagramReceived.emit(datagram)
    %s

class TestIt(TransportConformance):
    patience = 100

    @pytest.fixture
    def transports(self, qapp):
        one, two = Faulty(), Faulty()
        one.other, two.other = two, one
        return one, two
"""
FAULTS = {
    "it cuts large messages": (
        "def carry(self, datagram): self.other.datagramReceived.emit(datagram[:800])",
        "test_messages_keep_their_boundaries",
    ),
    "it repeats messages": (
        """def carry(self, datagram):
        self.other.datagramReceived.emit(datagram)
        self.other.datagramReceived.emit(datagram)""",
        "test_many_messages_arrive_in_order",
    ),
    "it carries less than it says": (
        """def mtuHint(self): return 900
    def carry(self, datagram):
        if len(datagram) < 900: self.other.datagramReceived.emit(datagram)""",
        "test_too_large_is_refused",
    ),
    "it carries less than DTLS needs": ("def mtuHint(self): return 100", "test_its_facts"),
    "it sends after its end": (
        "def send(self, datagram): self.carry(datagram); return True",
        "test_after_the_close",
    ),
    "its end is not told": ("def close(self): self._isClosed = True", "test_the_end_of_a_transport_ends_dtls"),
}


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with no other plugins than it needs."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nqt_api = pyside6\n")
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    plugins = ("qtsecure.testing.plugin", "pytestqt.plugin")
    return project.runpytest_subprocess(*(each for name in plugins for each in ("-p", name)), *arguments)


def test_each_fault_fails_its_test(project: pytest.Pytester) -> None:
    """The test that is named after what programs rely on; without a fault it passes. All in one run."""
    tests = {}
    for kind, source in (("device", f"{HEAD}\nclass Faulty(PipeEnd): pass\n"), ("transport", TRANSPORTS % "pass")):
        project.makepyfile(**{f"test_good_{kind}": source.replace("patience = 100", "patience = 10_000")})
    for number, (fault, (code, test)) in enumerate([*DEVICES.items(), *FAULTS.items()]):
        name = f"test_fault_{number}"
        source = f"{HEAD}\nclass Faulty(PipeEnd):\n    {code}\n" if fault in DEVICES else TRANSPORTS % code
        project.makepyfile(**{name: source})
        tests[f"{name}.py::TestIt::{test}"] = fault
    good = {
        f"test_good_{'device' if fault in DEVICES else 'transport'}.py::{test.partition('::')[2]}"
        for test, fault in tests.items()
    }
    result = run(project, "-rfE", *tests, *good)
    failed = {line.removeprefix("FAILED ").partition(" - ")[0] for line in result.outlines if "FAILED" in line}
    assert {fault for test, fault in tests.items() if test not in failed} == set()
    assert not failed & good
    assert result.parseoutcomes()["passed"] >= len(good) - 1  # one cannot be tried with it and is skipped


def test_a_suite_without_a_pair_says_what_is_missing(project: pytest.Pytester) -> None:
    """In the words of its user."""
    fixtures = {
        "StreamConformance": "streams",
        "DeviceConformance": "devices",
        "DatagramConformance": "datagrams",
        "TransportConformance": "transports",
        "DatagramBasedConformance": "associations",
    }
    source = f"from qtsecure.testing.conformance import {', '.join(fixtures)}\n"
    source += "".join(f"class TestMy{suite}({suite}): pass\n" for suite in fixtures)
    project.makepyfile(source)
    result = run(project, "-k", "test_both_close")
    result.stdout.fnmatch_lines_random(
        [f"*NotImplementedError: TestMy{suite} needs a fixture '{fixture}'*" for suite, fixture in fixtures.items()]
    )
