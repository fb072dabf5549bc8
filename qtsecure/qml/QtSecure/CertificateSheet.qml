pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts

// A certificate and the chain above it, for people; everything can be copied.
Control {
    id: sheet

    // As `certificateChain` and `certificateErrors` of a connection or a CertificateQuestion have them.
    property var chain: []
    property var errors: []
    property int currentIndex: 0

    readonly property var certificate: currentIndex >= 0 && currentIndex < chain.length ? chain[currentIndex] : ({})
    readonly property bool expired: certificate.validTo !== undefined && certificate.validTo < new Date()
    readonly property bool early: certificate.validFrom !== undefined && certificate.validFrom > new Date()

    // Where an error is shown; one of a certificate that was not sent, at the last that was.
    function positionOf(error: var): int {
        return Math.min(Math.max(error.depth, 0), Math.max(chain.length - 1, 0));
    }

    function formatted(date: var): string {
        return date === undefined ? "" : date.toLocaleString(Qt.locale(), Locale.ShortFormat);
    }

    // A certificate may have thousands of names.
    function listed(names: var): string {
        const most = 20;
        const shown = names.slice(0, most).join(", ");
        return names.length > most ? qsTr("%1 and %2 more").arg(shown).arg(names.length - most) : shown;
    }

    function grouped(digits: var): string {
        return digits === undefined ? "" : digits.replace(/:/g, "").toUpperCase().replace(/(..)(?=.)/g, "$1 ");
    }

    padding: 0
    Accessible.role: Accessible.Grouping
    Accessible.name: qsTr("Certificate of %1").arg(certificate.subject ?? qsTr("nobody"))

    onChainChanged: currentIndex = 0

    Shades {
        id: shades
        window: sheet.palette.window
    }

    contentItem: ColumnLayout {
        spacing: 8

        ComboBox {
            visible: sheet.chain.length > 1
            model: sheet.chain.map((each, index) => index === 0 ? qsTr("%1 (the peer)").arg(each.subject) : each.subject)
            currentIndex: sheet.currentIndex
            onActivated: index => sheet.currentIndex = index
            Layout.fillWidth: true
            Layout.bottomMargin: 4
            Accessible.name: qsTr("Certificate of the chain")
        }

        Label {
            visible: sheet.chain.length === 0
            text: qsTr("There is no certificate.")
            wrapMode: Text.WordWrap
            Layout.fillWidth: true
        }

        Repeater {
            model: sheet.errors.filter(error => sheet.positionOf(error) === sheet.currentIndex)

            Label {
                required property var modelData
                text: "\u26a0 " + modelData.text
                textFormat: Text.PlainText
                color: shades.bad
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
        }

        Fact {
            label: qsTr("Issued to")
            value: sheet.certificate.subject ?? ""
            Layout.fillWidth: true
        }
        Fact {
            label: qsTr("Organization")
            value: sheet.certificate.organization ?? ""
            Layout.fillWidth: true
        }
        Fact {
            label: qsTr("Names")
            value: sheet.listed([...(sheet.certificate.dnsNames ?? []), ...(sheet.certificate.ipAddresses ?? [])])
            Layout.fillWidth: true
        }
        Fact {
            label: qsTr("Issued by")
            value: sheet.certificate.selfSigned ? qsTr("itself") : sheet.certificate.issuer ?? ""
            Layout.fillWidth: true
        }
        Fact {
            label: qsTr("Valid from")
            value: sheet.early ? qsTr("%1 (in the future)").arg(sheet.formatted(sheet.certificate.validFrom)) : sheet.formatted(sheet.certificate.validFrom)
            valueColor: sheet.early ? shades.bad : sheet.palette.windowText
            Layout.fillWidth: true
        }
        Fact {
            label: qsTr("Valid until")
            value: sheet.expired ? qsTr("%1 (expired)").arg(sheet.formatted(sheet.certificate.validTo)) : sheet.formatted(sheet.certificate.validTo)
            valueColor: sheet.expired ? shades.bad : sheet.palette.windowText
            Layout.fillWidth: true
        }
        Fact {
            label: qsTr("Serial number")
            value: sheet.grouped(sheet.certificate.serialNumber)
            fixedPitch: true
            Layout.fillWidth: true
        }
        Fact {
            label: qsTr("SHA-256")
            value: sheet.grouped(sheet.certificate.fingerprint)
            fixedPitch: true
            Layout.fillWidth: true
        }

        // Takes what is left when the sheet is higher than its text.
        Item {
            Layout.fillHeight: true
        }
    }
}
