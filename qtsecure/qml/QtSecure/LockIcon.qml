import QtQuick

// A padlock of rectangles, which every renderer and every font can show.
Item {
    id: lock

    property bool closed: true
    property string mark: ""
    property color color: "black"
    property color markColor: "white"

    implicitWidth: 16
    implicitHeight: 18
    Accessible.ignored: true

    Item {
        // Only the upper half of the ring is the shackle.
        x: lock.closed ? (lock.width - width) / 2 : lock.width * 0.5
        width: lock.width * 0.6
        height: lock.height * 0.5
        clip: true

        Rectangle {
            width: parent.width
            height: lock.height
            radius: width / 2
            color: "transparent"
            border.color: lock.color
            border.width: Math.max(2, lock.width / 8)
        }
    }

    Rectangle {
        y: lock.height * 0.45
        width: lock.width * (lock.closed ? 1 : 0.9)
        height: lock.height - y
        radius: lock.width / 8
        color: lock.color

        Text {
            anchors.centerIn: parent
            text: lock.mark
            color: lock.markColor
            font.bold: true
            font.pixelSize: parent.height * 0.9
        }
    }
}
