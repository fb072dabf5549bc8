import QtQuick
import QtQuick.Controls

// The title of a prompt: in line with what is below, and never taken for HTML.
Label {
    required property Dialog prompt

    text: prompt.title
    textFormat: Text.PlainText
    font.bold: true
    font.pointSize: prompt.font.pointSize * 1.2
    wrapMode: Text.Wrap
    maximumLineCount: 4
    elide: Text.ElideRight
    leftPadding: prompt.leftPadding
    rightPadding: prompt.rightPadding
    topPadding: prompt.padding
    Accessible.role: Accessible.Heading
    Accessible.name: text
}
