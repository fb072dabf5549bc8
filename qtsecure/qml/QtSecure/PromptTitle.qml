import QtQuick
import QtQuick.Controls

// The title of a prompt: in line with what is below, and never taken for HTML.
Label {
    required property Dialog dialog

    text: dialog.title
    textFormat: Text.PlainText
    font.bold: true
    font.pointSize: dialog.font.pointSize * 1.2
    wrapMode: Text.Wrap
    maximumLineCount: 4
    elide: Text.ElideRight
    leftPadding: dialog.leftPadding
    rightPadding: dialog.rightPadding
    topPadding: dialog.padding
    Accessible.role: Accessible.Heading
    Accessible.name: text
}
