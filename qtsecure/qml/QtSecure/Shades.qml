import QtQuick

// The few colours that a palette does not have, light enough or dark enough for its window.
QtObject {
    property color window: "white"
    property color text: "black"

    readonly property bool dark: window.hslLightness < 0.5
    readonly property color good: dark ? "#7ddc9a" : "#12693a"
    readonly property color doubtful: dark ? "#ffc46b" : "#875300"
    readonly property color bad: dark ? "#ff9d93" : "#b3261e"

    // For what is less important, or no news; still readable.
    readonly property color muted: Qt.tint(window, Qt.alpha(text, 0.7))

    function faint(color: color): color {
        return Qt.rgba(color.r, color.g, color.b, dark ? 0.18 : 0.1);
    }
}
