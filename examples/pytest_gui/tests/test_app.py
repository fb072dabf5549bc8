"""How to test a program with secure connections: real handshakes, real faults, no display, no sleeps."""

from __future__ import annotations

import pytest
from app import Client, TrustPrompt

from qtsecure import SslConfiguration
from qtsecure.testing import Fault, StreamRelay, waitFor


@pytest.fixture
def open_client(qtbot, qtsecure_pki):
    """Make clients that trust the authority of the tests."""

    def open_(port):
        client = Client("localhost", port, SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
        client.retryDelay = 0
        qtbot.addWidget(client)
        client.show()
        return client

    return open_


def test_a_good_server_needs_no_question(qtbot, open_client, qtsecure_echo_server):
    client = open_client(qtsecure_echo_server.serverPort())
    with qtbot.assertNotEmitted(client.promptShown):
        client.button.click()
        waitFor(lambda: client.text.toPlainText() == "hello")
    assert client.status.text().startswith("Connected with TLS_")


def prompted(qtbot, client) -> TrustPrompt:
    with qtbot.waitSignal((client.promptShown, "promptShown")) as blocker:
        client.button.click()
    return blocker.args[0]


def test_a_self_signed_server_is_asked_about(qtbot, open_client, qtsecure_faulty_server):
    client = open_client(qtsecure_faulty_server(Fault.SelfSigned).port)
    prompt = prompted(qtbot, client)
    assert "self-signed" in prompt.informativeText() or "signed by itself" in prompt.informativeText()
    assert prompt.defaultButton() is prompt.rejectButton
    with qtbot.waitSignal((client.socket.encrypted, "encrypted")):
        prompt.trustButton.click()


def test_no_is_no(qtbot, open_client, qtsecure_faulty_server):
    client = open_client(qtsecure_faulty_server(Fault.SelfSigned).port)
    prompt = prompted(qtbot, client)
    with qtbot.waitSignals([(client.socket.alertSent, "alertSent"), (client.socket.errorOccurred, "errorOccurred")]):
        prompt.rejectButton.click()
    assert client.button.isEnabled()
    assert not client.socket.isEncrypted()


def test_escape_is_no(qtbot, open_client, qtsecure_faulty_server):
    client = open_client(qtsecure_faulty_server(Fault.Expired).port)
    with qtbot.waitSignal((client.socket.errorOccurred, "errorOccurred")):
        prompted(qtbot, client).reject()
    assert client.button.isEnabled()


def test_the_prompt_goes_when_the_server_does(qtbot, open_client, qtsecure_faulty_server):
    server = qtsecure_faulty_server(Fault.SelfSigned)
    client = open_client(server.port)
    prompt = prompted(qtbot, client)
    with qtbot.waitSignal((prompt.destroyed, "destroyed")):
        server.stop()


@pytest.mark.parametrize("fault", [Fault.Silent, Fault.ResetInHandshake, Fault.ResetAfterHandshake])
def test_it_reconnects_when_the_network_fails(qtbot, open_client, qtsecure_faulty_server, fault):
    client = open_client(qtsecure_faulty_server(fault).port)
    if fault is Fault.Silent:
        client.socket.setHandshakeTimeout(200)
    failures = [(client.socket.errorOccurred, f"failure {number}") for number in (1, 2)]
    with qtbot.waitSignals(failures[:1]):
        client.button.click()
    with qtbot.waitSignals(failures[1:]):
        pass  # by itself
    assert not client.button.isEnabled()


def test_it_reconnects_after_a_reset_in_the_middle(open_client, qtsecure_echo_server, qtsecure_stream_link):
    link = qtsecure_stream_link(segments=(1, 300), jitter=0.01)
    link.resetAt("server", 700)  # before the end of the handshake
    with StreamRelay(link, qtsecure_echo_server.serverPort()) as relay:
        client = open_client(relay.port)
        client.button.click()
        assert relay.run(lambda: client.status.text().endswith("Trying again…"), seconds=10)


@pytest.mark.parametrize("fault", [Fault.PlainHttp, Fault.Garbage, Fault.AlertToHello])
def test_it_does_not_try_again_in_vain(qtbot, open_client, qtsecure_faulty_server, fault):
    client = open_client(qtsecure_faulty_server(fault).port)
    with qtbot.waitSignal((client.socket.errorOccurred, "errorOccurred")):
        client.button.click()
    assert client.button.isEnabled()
    assert client.status.text() == client.socket.errorString()
