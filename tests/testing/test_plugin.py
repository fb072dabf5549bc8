"""The pytest plugin costs nothing until a test asks for something, and its fixtures work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import qtsecure
from qtsecure.testing.stream_link import StreamLink

ROOT = Path(qtsecure.__file__).parent.parent


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project that finds this checkout, with no other plugin than ours."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


def test_loading_is_light(project: pytest.Pytester) -> None:
    """Neither Qt nor OpenSSL nor cryptography is loaded with the plugin."""
    project.makepyfile(
        """
        import sys
        def test_light():
            assert "qtsecure.testing.plugin" in sys.modules
            heavy = {"PySide6", "shiboken6", "OpenSSL", "cryptography", "ssl"}
            assert not heavy & {name.partition(".")[0] for name in sys.modules}
        """
    )
    project.runpytest_subprocess("-p", "qtsecure.testing.plugin").assert_outcomes(passed=1)


def test_fixtures_work_in_another_project(project: pytest.Pytester) -> None:
    """Both fixtures do what they say, and recorders are closed after the test."""
    project.makeini("[pytest]\nqt_api = pyside6\n")
    project.makepyfile(
        """
        from PySide6.QtCore import QObject
        from qtsecure.testing import CertificateAuthority

        seen = []

        def test_pki(qtsecure_pki):
            seen.append(qtsecure_pki)
            assert isinstance(qtsecure_pki.ca, CertificateAuthority)

        def test_signals(qtsecure_pki, qtsecure_signals):
            assert seen == [qtsecure_pki]
            emitter = QObject()
            recorder = qtsecure_signals(emitter)
            emitter.setObjectName("new")
            assert recorder.of("objectNameChanged") == [("new",)]
            seen.extend([emitter, recorder])

        def test_closed():
            _, emitter, recorder = seen
            emitter.setObjectName("newer")
            assert recorder.count("objectNameChanged") == 1
        """
    )
    result = project.runpytest_subprocess("-p", "qtsecure.testing.plugin", "-p", "pytestqt.plugin")
    result.assert_outcomes(passed=3)


def test_pairs_and_servers_end_with_their_test(project: pytest.Pytester) -> None:
    """What a fixture has made is deleted, also when the test has left it connected."""
    project.makeini("[pytest]\nqt_api = pyside6\n")
    project.makepyfile(
        """
        from shiboken6 import isValid

        seen = []

        def test_use(qtsecure_tls_pair, qtsecure_dtls_pair, qtsecure_echo_server, qtsecure_dtls_echo_server):
            for pair in (qtsecure_tls_pair, qtsecure_dtls_pair):
                seen.extend([pair.client, pair.peer, pair.server])
            seen.extend([qtsecure_echo_server, qtsecure_dtls_echo_server])
            assert all(map(isValid, seen))

        def test_gone():
            assert len(seen) == 8
            assert not any(map(isValid, seen))
        """
    )
    result = project.runpytest_subprocess("-p", "qtsecure.testing.plugin", "-p", "pytestqt.plugin")
    result.assert_outcomes(passed=2)


ACCIDENTS = re.compile(r"^E +Failed: accidents: (.*)$", re.MULTILINE)
REPEAT = re.compile(r"^to repeat these accidents: pytest (.*)$", re.MULTILINE)


def test_a_failing_test_is_repeated_by_the_line_that_it_prints(project: pytest.Pytester) -> None:
    """Word for word: the same test, the same accidents, for both kinds of links; another seed, other accidents."""
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("what", ["a b"])
        def test_datagrams(qtsecure_link, what):
            link = qtsecure_link(loss=0.5)
            for number in range(100):
                link.send("client", bytes([number]))
            link.advance(2000)
            pytest.fail("accidents: " + b"".join(each.data for each in link.deliveries()).hex())

        def test_streams(qtsecure_stream_link):
            link = qtsecure_stream_link(segments=(1, 50))
            link.send("client", bytes(1000))
            link.advance(2000)
            pytest.fail("accidents: " + ",".join(str(len(each.data)) for each in link.deliveries()))
        """
    )
    plugin = ("-p", "qtsecure.testing.plugin")

    def failures(result: pytest.RunResult) -> list[str]:
        # Whole, which the explanation of an assertion would not be, and of far more accidents than can coincide.
        return ACCIDENTS.findall(result.stdout.str())

    first = project.runpytest_subprocess(*plugin, "--qtsecure-seed=random")
    first.assert_outcomes(failed=2)
    lines = REPEAT.findall(first.stdout.str())
    assert len(lines) == 2
    repeated: list[str] = []
    for line in lines:
        again = project.runpytest_subprocess(*plugin, *shlex.split(line))
        again.assert_outcomes(failed=1)
        assert REPEAT.findall(again.stdout.str()) == [line]
        repeated += failures(again)
    assert repeated == failures(first)
    assert len(set(repeated)) == 2
    seed = int(lines[0].rpartition("=")[2])
    other = failures(project.runpytest_subprocess(*plugin, f"--qtsecure-seed={seed ^ 1}"))
    assert len(set(other)) == 2
    assert not set(other) & set(repeated)


def test_a_failing_handshake_is_repeated(project: pytest.Pytester) -> None:
    """A real one: the seed that breaks it breaks it again; one without an accident does not."""

    def way(seed: int) -> int:
        link = StreamLink(seed=seed, segments=(100, 100), reset=0.02)
        for end in link.ends:
            link.send(end, bytes(8000))
        return link.counters.sent - link.counters.vanished

    unlucky = next(seed for seed in range(100) if way(seed) < 1000)
    lucky = next(seed for seed in range(100) if way(seed) == 16_000)
    project.makeini("[pytest]\nqt_api = pyside6\n")
    project.makepyfile(
        """
        from qtsecure import SslConfiguration, SslSocket
        from qtsecure.testing import LinkedDevices

        def test_tls(qapp, qtsecure_pki, qtsecure_stream_link):
            link = qtsecure_stream_link(segments=(100, 100), reset=0.02)
            with LinkedDevices(link) as linked:
                client, server = SslSocket(transport=linked.client), SslSocket(transport=linked.server)
                client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
                client.setPeerVerifyName("localhost")
                identity = qtsecure_pki.server
                server.setSslConfiguration(SslConfiguration.forServer(list(identity.chain), identity.privateKey))
                server.startServerEncryption()
                client.startClientEncryption()
                linked.run(lambda: client.isEncrypted() or client.failure() is not None, 60)
                assert client.failure() is None
        """
    )
    plugin = ("-p", "qtsecure.testing.plugin", "-p", "pytestqt.plugin")
    project.runpytest_subprocess(*plugin, f"--qtsecure-seed={lucky}").assert_outcomes(passed=1)
    result = project.runpytest_subprocess(*plugin, f"--qtsecure-seed={unlucky}")
    (line,) = REPEAT.findall(result.stdout.str())
    project.runpytest_subprocess(*plugin, *shlex.split(line)).assert_outcomes(failed=1)


def test_the_line_holds_where_pytest_was_started(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the root as well."""
    project.makeini("[pytest]\n")
    below = project.mkdir("below")
    (below / "test_below.py").write_text(
        "def test_it(qtsecure_link):\n    assert qtsecure_link().nextDelivery()\n", "utf-8"
    )
    monkeypatch.chdir(below)
    plugin = ("-p", "qtsecure.testing.plugin")
    result = project.runpytest_subprocess(*plugin, "test_below.py")
    (line,) = REPEAT.findall(result.stdout.str())
    assert line == "test_below.py::test_it --qtsecure-seed=0"
    project.runpytest_subprocess(*plugin, *shlex.split(line)).assert_outcomes(failed=1)


def test_a_wrong_seed_is_told(project: pytest.Pytester) -> None:
    """In words."""
    result = project.runpytest_subprocess("-p", "qtsecure.testing.plugin", "--qtsecure-seed=some")
    result.stderr.fnmatch_lines(["*'some' is neither a number nor 'random'*"])
