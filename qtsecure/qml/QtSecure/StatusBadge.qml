import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import QtSecure

// How a connection is protected, as a sign and a few words. Never by colour alone.
Control {
    id: badge

    // A TlsSocket, DtlsPeer, TlsConnection or DtlsConnection; null shows "Not connected".
    property QtObject connection: null

    // The same without a type of its own; both are null when it is deleted.
    readonly property var shown: connection

    readonly property int phase: shown ? shown.state : Tls.State.Unconnected
    readonly property bool encrypted: phase === Tls.State.Encrypted
    readonly property bool overridden: encrypted && shown.overridden
    readonly property bool failed: phase === Tls.State.Unconnected && shown !== null && shown.errorString !== ""
    readonly property string text: describe(phase)
    readonly property color tint: {
        if (overridden || phase === Tls.State.Deciding)
            return shades.doubtful;
        if (encrypted)
            return shades.good;
        return failed || phase === Tls.State.Plain ? shades.bad : shades.muted;
    }

    function describe(state: int): string {
        switch (state) {
        case Tls.State.LookingUp:
            return qsTr("Looking up the host…");
        case Tls.State.Connecting:
            return qsTr("Connecting…");
        case Tls.State.Handshaking:
            return qsTr("Securing…");
        case Tls.State.Deciding:
            return qsTr("Waiting for you");
        case Tls.State.Encrypted:
            return overridden ? qsTr("Encrypted, not verified") : qsTr("Encrypted");
        case Tls.State.Plain:
            return qsTr("Not encrypted");
        case Tls.State.Closing:
            return qsTr("Closing…");
        default:
            return failed ? qsTr("Connection failed") : qsTr("Not connected");
        }
    }

    leftPadding: 10
    rightPadding: 12
    topPadding: 5
    bottomPadding: 5

    Accessible.role: Accessible.StaticText
    Accessible.name: protocolLabel.visible ? text + ", " + protocolLabel.text : text
    Accessible.description: failed ? shown.errorString : ""

    HoverHandler {
        id: hover
    }

    // Not the attached one, which would take what a peer says for HTML.
    ToolTip {
        id: tip
        text: badge.encrypted ? [badge.shown.cipher, badge.shown.keyExchangeGroup].filter(part => part !== "").join(", ") : badge.failed ? badge.shown.errorString : ""
        visible: hover.hovered && text !== ""
        delay: 600

        contentItem: Label {
            text: tip.text
            textFormat: Text.PlainText
            wrapMode: Text.Wrap
            color: tip.palette.toolTipText
        }
    }

    Shades {
        id: shades
        window: badge.palette.window
        text: badge.palette.windowText
    }

    background: Rectangle {
        radius: height / 2
        color: shades.faint(badge.tint)
        border.color: Qt.alpha(badge.tint, 0.45)
    }

    contentItem: RowLayout {
        spacing: 8

        LockIcon {
            implicitWidth: 13
            implicitHeight: 16
            closed: badge.encrypted
            mark: badge.overridden ? "!" : badge.failed ? "\u00d7" : ""
            color: badge.tint
            markColor: badge.palette.window
        }

        Label {
            text: badge.text
            textFormat: Text.PlainText
            color: badge.tint
            font.weight: badge.tint === shades.muted ? Font.Normal : Font.DemiBold
            elide: Text.ElideRight
            Layout.fillWidth: true
            Accessible.ignored: true
        }

        Label {
            id: protocolLabel
            visible: badge.encrypted && text !== ""
            text: badge.encrypted ? badge.shown.protocol : ""
            textFormat: Text.PlainText
            color: badge.tint
            Accessible.ignored: true
        }
    }
}
