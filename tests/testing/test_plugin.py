"""The pytest plugin costs nothing until a test asks for something, and its fixtures work."""

from __future__ import annotations

from pathlib import Path

import pytest

import qtsecure

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


def test_links_take_the_seed_of_the_command_line(project: pytest.Pytester) -> None:
    """A failing test prints how to repeat it, and doing so gives the same accidents."""
    project.makepyfile(
        """
        def test_unlucky(qtsecure_link):
            link = qtsecure_link(loss=0.5)
            for _ in range(20):
                link.send("client", b"x")
            assert link.counters.lost == -1
        """
    )
    outputs = []
    for seed in (7, 7, 8):
        result = project.runpytest_subprocess("-p", "qtsecure.testing.plugin", f"--qtsecure-seed={seed}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"*--qtsecure-seed={seed}*"])
        outputs.append(next(line for line in result.stdout.lines if line.startswith("E") and "lost" in line))
    assert outputs[0] == outputs[1] != outputs[2]
