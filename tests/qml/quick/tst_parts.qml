pragma ComponentBehavior: Bound

import QtQuick
import QtTest
import QtSecure

Item {
    id: root

    width: 500
    height: 500

    component Standin: QtObject {
        property int state: Tls.State.Unconnected
        property bool encrypted: state === Tls.State.Encrypted
        property bool overridden: false
        property string errorString: ""
        property string protocol: "TLS 1.3"
        property string cipher: ""
        property string keyExchangeGroup: ""
        property int aborted: 0

        function abort() {
            ++aborted;
        }
    }

    Standin {
        id: standin
    }

    StatusBadge {
        id: badge
        connection: standin
    }

    ConnectionProgress {
        id: progress
        width: 400
        connection: standin
    }

    CertificateSheet {
        id: sheet
        width: 400
    }

    TlsSocket {
        id: socket
    }

    SignalSpy {
        id: failures
        target: socket
        signalName: "failed"
    }

    TestCase {
        name: "parts"
        when: windowShown

        function init() {
            standin.state = Tls.State.Unconnected;
            standin.overridden = false;
            standin.errorString = "";
        }

        function test_badge_data() {
            return [
                {
                    tag: "nothing",
                    state: Tls.State.Unconnected,
                    text: "Not connected"
                },
                {
                    tag: "securing",
                    state: Tls.State.Handshaking,
                    text: "Securing…"
                },
                {
                    tag: "encrypted",
                    state: Tls.State.Encrypted,
                    text: "Encrypted, TLS 1.3"
                },
                {
                    tag: "plain",
                    state: Tls.State.Plain,
                    text: "Not encrypted"
                }
            ];
        }

        function test_badge(data) {
            standin.state = data.state;
            compare(badge.Accessible.name, data.text);
        }

        function test_badge_without_a_connection() {
            badge.connection = null;
            compare(badge.text, "Not connected");
            badge.connection = standin;
        }

        function test_badge_tells_the_reason() {
            standin.errorString = "Nobody listens.";
            compare(badge.text, "Connection failed");
            compare(badge.Accessible.description, "Nobody listens.");
        }

        function test_progress() {
            standin.state = Tls.State.Connecting;
            compare(progress.step, 2);
            verify(progress.running);
            const button = findChild(progress, "cancelButton");
            verify(button.visible);
            mouseClick(button);
            compare(standin.aborted, 1);
            standin.state = Tls.State.Encrypted;
            compare(progress.Accessible.name, "The connection is secure");
            standin.overridden = true;
            compare(progress.Accessible.name, "Encrypted, but the other side has not proved who it is");
            verify(!button.visible);
        }

        function test_sheet_without_a_certificate() {
            sheet.chain = [];
            compare(sheet.formatted(sheet.certificate.validTo), "");
            verify(!sheet.expired);
        }

        function test_sheet_of_many_names() {
            const names = Array.from({
                length: 5000
            }, (_, index) => "host" + index);
            const text = sheet.listed(names);
            verify(text.startsWith("host0, host1, "));
            verify(text.endsWith("host19 and 4980 more"));
            compare(sheet.listed(names.slice(0, 2)), "host0, host1");
        }

        function test_sheet_shows_errors_of_certificates_that_were_not_sent() {
            sheet.chain = [{}, {}];
            compare(sheet.positionOf({
                depth: 0
            }), 0);
            compare(sheet.positionOf({
                depth: 7
            }), 1);
            compare(sheet.positionOf({
                depth: -1
            }), 0);
            sheet.chain = [];
            compare(sheet.positionOf({
                depth: 2
            }), 0);
        }

        function test_sheet_of_an_expired_certificate() {
            sheet.chain = [
                {
                    subject: "old",
                    validTo: new Date(2020, 1, 1)
                }
            ];
            verify(sheet.expired);
            compare(sheet.grouped("ab:cd12"), "AB CD 12");
        }

        function test_socket() {
            compare(socket.state, Tls.State.Unconnected);
            socket.connectToHostEncrypted("localhost", 1);
            failures.wait(5000);
            verify(socket.errorString !== "");
        }
    }
}
