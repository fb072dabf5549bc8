<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
<context>
    <name>Advice</name>
    <message>
        <source>Anybody can make such a certificate. If it is yours, compare the fingerprint with that on the server, and then trust this certificate itself. Otherwise do not go on.</source>
        <translation>So ein Zertifikat kann jeder ausstellen. Wenn es Ihres ist, vergleichen Sie den Fingerabdruck mit dem auf dem Server, und vertrauen Sie dann diesem Zertifikat. Sonst brechen Sie ab.</translation>
    </message>
    <message>
        <source>Ask whoever runs the server for a chain with fewer intermediate certificates.</source>
        <translation>Bitten Sie den Betreiber des Servers um eine Kette mit weniger Zwischenzertifikaten.</translation>
    </message>
    <message>
        <source>Connect with a name that is in the certificate, or get a certificate with the name that you use. If neither is possible, somebody may have led you to another server.</source>
        <translation>Verbinden Sie sich mit einem Namen, der im Zertifikat steht, oder besorgen Sie ein Zertifikat mit dem Namen, den Sie verwenden. Wenn beides nicht geht, hat man Sie vielleicht zu einem anderen Server geleitet.</translation>
    </message>
    <message>
        <source>Do not go on: the certificate was changed on its way, or forged.</source>
        <translation>Brechen Sie ab: Das Zertifikat wurde unterwegs verändert oder gefälscht.</translation>
    </message>
    <message>
        <source>Do not go on: the key of this certificate may be in the wrong hands. The server needs a new certificate.</source>
        <translation>Brechen Sie ab: Der Schlüssel dieses Zertifikats ist vielleicht in falschen Händen. Der Server braucht ein neues Zertifikat.</translation>
    </message>
    <message>
        <source>If the date of this computer is wrong, set its clock; otherwise wait, or ask for a certificate that is valid now.</source>
        <translation>Wenn das Datum dieses Rechners falsch ist, stellen Sie seine Uhr; sonst warten Sie, oder bitten Sie um ein Zertifikat, das jetzt gilt.</translation>
    </message>
    <message>
        <source>If the server belongs to you or your organization, trust its authority. If an intermediate certificate is missing, the server has to send it, behind its own certificate.</source>
        <translation>Wenn der Server Ihnen oder Ihrer Organisation gehört, vertrauen Sie seiner Zertifizierungsstelle. Wenn ein Zwischenzertifikat fehlt, muss der Server es hinter seinem eigenen Zertifikat mitschicken.</translation>
    </message>
    <message>
        <source>Show this to whoever runs the server; the certificate has to be issued anew.</source>
        <translation>Zeigen Sie das dem Betreiber des Servers; das Zertifikat muss neu ausgestellt werden.</translation>
    </message>
    <message>
        <source>The other side has to show a certificate; on a client, set one.</source>
        <translation>Die andere Seite muss ein Zertifikat vorzeigen; ein Client braucht eines.</translation>
    </message>
    <message>
        <source>The program needs a current revocation list of the authority that issued the certificate.</source>
        <translation>Das Programm braucht eine aktuelle Sperrliste der Stelle, die das Zertifikat ausgestellt hat.</translation>
    </message>
    <message>
        <source>The server needs a new certificate with a longer key and a current signature; RSA 2048 or EC, and SHA-256.</source>
        <translation>Der Server braucht ein neues Zertifikat mit längerem Schlüssel und zeitgemäßer Signatur: RSA 2048 oder EC, und SHA-256.</translation>
    </message>
    <message>
        <source>The server needs a new certificate. If the date of this computer is wrong, set its clock.</source>
        <translation>Der Server braucht ein neues Zertifikat. Wenn das Datum dieses Rechners falsch ist, stellen Sie seine Uhr.</translation>
    </message>
    <message>
        <source>Whoever runs the server has to get a certificate that was made for servers by a proper authority.</source>
        <translation>Der Betreiber des Servers muss sich von einer richtigen Stelle ein Zertifikat für Server ausstellen lassen.</translation>
    </message>
    <message>
        <source>Whoever runs the server has to renew the revocation status that it staples. If that persists, somebody may be keeping the true status from you.</source>
        <translation>Der Betreiber des Servers muss den Sperrstatus erneuern, den er mitschickt. Wenn es dabei bleibt, hält vielleicht jemand den wahren Status von Ihnen fern.</translation>
    </message>
</context>
<context>
    <name>CertificateDialog</name>
    <message>
        <source>Certificate</source>
        <translation>Zertifikat</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>CertificateFacts</name>
    <message>
        <source>Valid from</source>
        <translation>Gültig ab</translation>
    </message>
    <message>
        <source>Valid until</source>
        <translation>Gültig bis</translation>
    </message>
    <message>
        <source>Remaining</source>
        <translation>Verbleibend</translation>
    </message>
    <message>
        <source>Serial number</source>
        <translation>Seriennummer</translation>
    </message>
    <message>
        <source>Public key</source>
        <translation>Öffentlicher Schlüssel</translation>
    </message>
    <message>
        <source>Key pin</source>
        <translation>Schlüssel-Pin</translation>
    </message>
    <message>
        <source>Subject</source>
        <translation>Inhaber</translation>
    </message>
    <message>
        <source>Names</source>
        <translation>Namen</translation>
    </message>
    <message>
        <source>Issuer</source>
        <translation>Aussteller</translation>
    </message>
    <message>
        <source>Certificate</source>
        <translation>Zertifikat</translation>
    </message>
    <message>
        <source>Fingerprints</source>
        <translation>Fingerabdrücke</translation>
    </message>
    <message>
        <source>the end cannot be read</source>
        <translation>das Ende ist nicht lesbar</translation>
    </message>
    <message>
        <source>not valid yet</source>
        <translation>noch nicht gültig</translation>
    </message>
    <message>
        <source>less than a day left</source>
        <translation>weniger als ein Tag</translation>
    </message>
    <message>
        <source>one day left</source>
        <translation>noch ein Tag</translation>
    </message>
    <message numerus="yes">
        <source>%n days left</source>
        <translation>
            <numerusform>noch %n Tag</numerusform>
            <numerusform>noch %n Tage</numerusform>
        </translation>
    </message>
    <message>
        <source>expired less than a day ago</source>
        <translation>vor weniger als einem Tag abgelaufen</translation>
    </message>
    <message>
        <source>expired one day ago</source>
        <translation>vor einem Tag abgelaufen</translation>
    </message>
    <message numerus="yes">
        <source>expired %n days ago</source>
        <translation>
            <numerusform>vor %n Tag abgelaufen</numerusform>
            <numerusform>vor %n Tagen abgelaufen</numerusform>
        </translation>
    </message>
    <message>
        <source>Common name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Organization</source>
        <translation>Organisation</translation>
    </message>
    <message>
        <source>Unit</source>
        <translation>Abteilung</translation>
    </message>
    <message>
        <source>Country</source>
        <translation>Land</translation>
    </message>
    <message>
        <source>Locality</source>
        <translation>Ort</translation>
    </message>
    <message>
        <source>State or province</source>
        <translation>Bundesland</translation>
    </message>
    <message>
        <source>E-mail</source>
        <translation>E-Mail</translation>
    </message>
    <message>
        <source>Host</source>
        <translation>Rechner</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Signed with</source>
        <translation>Signiert mit</translation>
    </message>
    <message>
        <source>servers</source>
        <translation>Server</translation>
    </message>
    <message>
        <source>clients</source>
        <translation>Clients</translation>
    </message>
    <message>
        <source>e-mail</source>
        <translation>E-Mail</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>revocation status</source>
        <translation>Sperrstatus</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>ja</translation>
    </message>
    <message>
        <source>no</source>
        <translation>nein</translation>
    </message>
    <message>
        <source>Authority</source>
        <translation>Zertifizierungsstelle</translation>
    </message>
    <message>
        <source>Purpose</source>
        <translation>Zweck</translation>
    </message>
</context>
<context>
    <name>CertificateSheet</name>
    <message>
        <source>%1 and %2 more</source>
        <translation>%1 und %2 weitere</translation>
    </message>
    <message>
        <source>Certificate of %1</source>
        <translation>Zertifikat von %1</translation>
    </message>
    <message>
        <source>nobody</source>
        <translation>niemandem</translation>
    </message>
    <message>
        <source>%1 (the peer)</source>
        <translation>%1 (die Gegenseite)</translation>
    </message>
    <message>
        <source>Certificate of the chain</source>
        <translation>Zertifikat der Kette</translation>
    </message>
    <message>
        <source>There is no certificate.</source>
        <translation>Es gibt kein Zertifikat.</translation>
    </message>
    <message>
        <source>Issued to</source>
        <translation>Ausgestellt für</translation>
    </message>
    <message>
        <source>Organization</source>
        <translation>Organisation</translation>
    </message>
    <message>
        <source>Names</source>
        <translation>Namen</translation>
    </message>
    <message>
        <source>Issued by</source>
        <translation>Ausgestellt von</translation>
    </message>
    <message>
        <source>itself</source>
        <translation>sich selbst</translation>
    </message>
    <message>
        <source>Valid from</source>
        <translation>Gültig ab</translation>
    </message>
    <message>
        <source>%1 (in the future)</source>
        <translation>%1 (in der Zukunft)</translation>
    </message>
    <message>
        <source>Valid until</source>
        <translation>Gültig bis</translation>
    </message>
    <message>
        <source>%1 (expired)</source>
        <translation>%1 (abgelaufen)</translation>
    </message>
    <message>
        <source>Serial number</source>
        <translation>Seriennummer</translation>
    </message>
    <message>
        <source>SHA-256</source>
        <translation>SHA-256</translation>
    </message>
</context>
<context>
    <name>CertificateView</name>
    <message>
        <source>Certificate without a name</source>
        <translation>Zertifikat ohne Namen</translation>
    </message>
    <message>
        <source>The certificates cannot be written to “%1”: %2.</source>
        <translation>Die Zertifikate lassen sich nicht nach „%1“ schreiben: %2.</translation>
    </message>
    <message>
        <source>Certificate chain</source>
        <translation>Zertifikatskette</translation>
    </message>
    <message>
        <source>Fields of the certificate</source>
        <translation>Felder des Zertifikats</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>&amp;Copy Details</source>
        <translation>Einzelheiten &amp;kopieren</translation>
    </message>
    <message>
        <source>&amp;Save as PEM…</source>
        <translation>Als PEM &amp;speichern …</translation>
    </message>
    <message>
        <source>No certificate</source>
        <translation>Kein Zertifikat</translation>
    </message>
    <message>
        <source>Issued by %1</source>
        <translation>Ausgestellt von %1</translation>
    </message>
    <message>
        <source>an issuer without a name</source>
        <translation>einem Aussteller ohne Namen</translation>
    </message>
    <message>
        <source>Signed by itself: nobody else vouches for it</source>
        <translation>Von sich selbst signiert: sonst bürgt niemand dafür</translation>
    </message>
    <message>
        <source>Valid until %1 (%2)</source>
        <translation>Gültig bis %1 (%2)</translation>
    </message>
    <message>
        <source>Was valid until %1 (%2)</source>
        <translation>War gültig bis %1 (%2)</translation>
    </message>
    <message>
        <source>Save Certificates</source>
        <translation>Zertifikate speichern</translation>
    </message>
    <message>
        <source>Certificates (*.pem)</source>
        <translation>Zertifikate (*.pem)</translation>
    </message>
</context>
<context>
    <name>ConnectionBadge</name>
    <message>
        <source>Connection: %1</source>
        <extracomment>stateChanged(state: ConnectionState): what it shows has changed.</extracomment>
        <translation>Verbindung: %1</translation>
    </message>
</context>
<context>
    <name>ConnectionFacts</name>
    <message>
        <source>Peer</source>
        <translation>Gegenstelle</translation>
    </message>
    <message>
        <source>Reason</source>
        <translation>Grund</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keines</translation>
    </message>
    <message>
        <source>Certificate</source>
        <translation>Zertifikat</translation>
    </message>
    <message>
        <source>Protocol</source>
        <translation>Protokoll</translation>
    </message>
    <message>
        <source>Cipher</source>
        <translation>Verschlüsselung</translation>
    </message>
    <message>
        <source>Key exchange</source>
        <translation>Schlüsseltausch</translation>
    </message>
    <message>
        <source>Accepted error</source>
        <translation>Hingenommener Fehler</translation>
    </message>
</context>
<context>
    <name>ConnectionProgress</name>
    <message>
        <source>Waiting for your answer</source>
        <translation>Wartet auf Ihre Antwort</translation>
    </message>
    <message>
        <source>Encrypted, but the other side has not proved who it is</source>
        <translation>Verschlüsselt, aber die Gegenseite hat nicht bewiesen, wer sie ist</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>Nicht verbunden</translation>
    </message>
    <message>
        <source>Looking up the host</source>
        <translation>Rechner wird gesucht</translation>
    </message>
    <message>
        <source>Connecting</source>
        <translation>Verbindung wird aufgebaut</translation>
    </message>
    <message>
        <source>Checking the identity and agreeing on keys</source>
        <translation>Identität wird geprüft, Schlüssel werden vereinbart</translation>
    </message>
    <message>
        <source>The connection is secure</source>
        <translation>Die Verbindung ist sicher</translation>
    </message>
    <message>
        <source>Find</source>
        <translation>Finden</translation>
    </message>
    <message>
        <source>Connect</source>
        <translation>Verbinden</translation>
    </message>
    <message>
        <source>Secure</source>
        <translation>Sichern</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
</context>
<context>
    <name>ConnectionState</name>
    <message>
        <source>Not connected</source>
        <translation>Nicht verbunden</translation>
    </message>
    <message>
        <source>Connecting…</source>
        <translation>Verbinden …</translation>
    </message>
    <message>
        <source>Not encrypted</source>
        <translation>Nicht verschlüsselt</translation>
    </message>
    <message>
        <source>Encrypted</source>
        <translation>Verschlüsselt</translation>
    </message>
    <message>
        <source>Encrypted, not verified</source>
        <translation>Verschlüsselt, nicht geprüft</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Fehlgeschlagen</translation>
    </message>
</context>
<context>
    <name>DemoWindow</name>
    <message>
        <source>qtsecure demo</source>
        <translation>qtsecure-Vorführung</translation>
    </message>
    <message>
        <source>Client</source>
        <translation>Client</translation>
    </message>
    <message>
        <source>Server</source>
        <translation>Server</translation>
    </message>
    <message>
        <source>server</source>
        <translation>Server</translation>
    </message>
    <message>
        <source>client</source>
        <translation>Client</translation>
    </message>
    <message>
        <source>peer</source>
        <translation>Gegenstelle</translation>
    </message>
</context>
<context>
    <name>EarlierCertificate</name>
    <message>
        <source>Another certificate was trusted for this server before.</source>
        <translation>Für diesen Server wurde früher einem anderen Zertifikat vertraut.</translation>
    </message>
    <message>
        <source>Another certificate was trusted for this server on %1.</source>
        <translation>Für diesen Server wurde am %1 einem anderen Zertifikat vertraut.</translation>
    </message>
    <message>
        <source>Either the server has a new one, or this is an attack. Ask the operator before you go on. The SHA-256 fingerprint that was trusted:</source>
        <translation>Entweder hat der Server ein neues, oder dies ist ein Angriff. Fragen Sie den Betreiber, bevor Sie fortfahren. Der SHA-256-Fingerabdruck, dem vertraut wurde:</translation>
    </message>
    <message>
        <source>SHA-256 fingerprint that was trusted</source>
        <translation>SHA-256-Fingerabdruck, dem vertraut wurde</translation>
    </message>
</context>
<context>
    <name>HandshakeLog</name>
    <message>
        <source>Handshake log</source>
        <translation>Handshake-Protokoll</translation>
    </message>
    <message>
        <source>Filter</source>
        <translation>Filter</translation>
    </message>
    <message>
        <source>&amp;Copy</source>
        <translation>&amp;Kopieren</translation>
    </message>
    <message>
        <source>C&amp;lear</source>
        <translation>&amp;Leeren</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
</context>
<context>
    <name>HandshakeLogModel</name>
    <message>
        <source>Time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>Object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>Event</source>
        <translation>Ereignis</translation>
    </message>
    <message>
        <source>Details</source>
        <translation>Einzelheiten</translation>
    </message>
</context>
<context>
    <name>ProblemList</name>
    <message>
        <source>There are more problems: %1 in all.</source>
        <translation>Es gibt noch mehr Probleme: insgesamt %1.</translation>
    </message>
</context>
<context>
    <name>PskForm</name>
    <message>
        <source>&amp;Identity:</source>
        <extracomment>completeChanged(complete: bool): whether both can be used as they are.</extracomment>
        <translation>&amp;Identität:</translation>
    </message>
    <message>
        <source>&amp;Key:</source>
        <translation>&amp;Schlüssel:</translation>
    </message>
    <message>
        <source>Hexadecimal digits</source>
        <translation>Hexadezimalziffern</translation>
    </message>
    <message>
        <source>Text</source>
        <translation>Text</translation>
    </message>
    <message>
        <source>Form of the key</source>
        <translation>Form des Schlüssels</translation>
    </message>
    <message>
        <source>&amp;Show key</source>
        <translation>Schlüssel &amp;zeigen</translation>
    </message>
    <message>
        <source>This key is short; keys should have 16 bytes or more, chosen at random.</source>
        <translation>Dieser Schlüssel ist kurz; Schlüssel sollten mindestens 16 zufällige Bytes haben.</translation>
    </message>
    <message>
        <source>The identity is too long, or has signs that cannot be sent.</source>
        <translation>Die Identität ist zu lang oder enthält Zeichen, die nicht gesendet werden können.</translation>
    </message>
    <message>
        <source>The key has signs that are no hexadecimal digits, or one digit is missing.</source>
        <translation>Der Schlüssel enthält Zeichen, die keine Hexadezimalziffern sind, oder eine Ziffer fehlt.</translation>
    </message>
    <message>
        <source>The key is too long.</source>
        <translation>Der Schlüssel ist zu lang.</translation>
    </message>
</context>
<context>
    <name>PskPrompt</name>
    <message>
        <source>Pre-shared key</source>
        <translation>Vorab vereinbarter Schlüssel</translation>
    </message>
    <message>
        <source>“%1” needs a pre-shared key</source>
        <translation>„%1“ braucht einen vorab vereinbarten Schlüssel</translation>
    </message>
    <message>
        <source>Both sides have agreed on it beforehand; it is not sent.</source>
        <translation>Beide Seiten haben ihn vorher vereinbart; er wird nicht gesendet.</translation>
    </message>
    <message>
        <source>Hint of the server: %1</source>
        <translation>Hinweis des Servers: %1</translation>
    </message>
    <message>
        <source>Which key does %1 have?</source>
        <translation>Welchen Schlüssel hat %1?</translation>
    </message>
    <message>
        <source>This connection needs a pre-shared key</source>
        <translation>Diese Verbindung braucht einen vorab vereinbarten Schlüssel</translation>
    </message>
    <message>
        <source>The server says: %1</source>
        <translation>Der Server sagt: %1</translation>
    </message>
    <message>
        <source>Identity</source>
        <translation>Identität</translation>
    </message>
    <message>
        <source>such as sensor-1</source>
        <translation>zum Beispiel sensor-1</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Schlüssel</translation>
    </message>
    <message>
        <source>Hexadecimal</source>
        <translation>Hexadezimal</translation>
    </message>
    <message>
        <source>Show the key</source>
        <translation>Schlüssel zeigen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Connect</source>
        <translation>Verbinden</translation>
    </message>
</context>
<context>
    <name>PskQuestion</name>
    <message>
        <source>The connection does not wait for a key any more.</source>
        <extracomment>pendingChanged(): it has been answered, or given up. cancelled(): the connection is being closed, or the time is up.</extracomment>
        <translation>Die Verbindung wartet nicht mehr auf einen Schlüssel.</translation>
    </message>
    <message>
        <source>The identity is too long, or has signs that cannot be sent.</source>
        <translation>Die Identität ist zu lang oder enthält Zeichen, die nicht gesendet werden können.</translation>
    </message>
    <message>
        <source>The key is empty, or too long.</source>
        <translation>Der Schlüssel ist leer oder zu lang.</translation>
    </message>
    <message>
        <source>The key is not hexadecimal: pairs of the digits 0 to 9 and a to f.</source>
        <translation>Der Schlüssel ist nicht hexadezimal: Paare der Ziffern 0 bis 9 und a bis f.</translation>
    </message>
</context>
<context>
    <name>SslError</name>
    <message>
        <source>An authority does not say what its key may be used for</source>
        <translation>Eine Stelle sagt nicht, wofür ihr Schlüssel verwendet werden darf</translation>
    </message>
    <message>
        <source>An authority has a path limit, but may not sign certificates</source>
        <translation>Eine Stelle begrenzt die Länge der Kette, darf aber keine Zertifikate signieren</translation>
    </message>
    <message>
        <source>An authority&apos;s basic constraints are not marked as critical</source>
        <translation>Die Grundbeschränkungen einer Stelle sind nicht als kritisch gekennzeichnet</translation>
    </message>
    <message>
        <source>The application refused the certificate</source>
        <translation>Das Programm hat das Zertifikat abgelehnt</translation>
    </message>
    <message>
        <source>The authority is marked as rejected for this purpose</source>
        <translation>Die Stelle ist für diesen Zweck als abgelehnt gekennzeichnet</translation>
    </message>
    <message>
        <source>The authority is not trusted for this purpose</source>
        <translation>Der Stelle wird für diesen Zweck nicht vertraut</translation>
    </message>
    <message>
        <source>The certificate belongs to an authority, where one of a server or client is expected</source>
        <translation>Das Zertifikat gehört einer Stelle, wo eines von einem Server oder Client erwartet wird</translation>
    </message>
    <message>
        <source>The certificate belongs to another e-mail address</source>
        <translation>Das Zertifikat gehört zu einer anderen E-Mail-Adresse</translation>
    </message>
    <message>
        <source>The certificate cannot be verified because none of its issuers was sent or is known here</source>
        <translation>Das Zertifikat kann nicht geprüft werden, weil keiner seiner Aussteller mitgeschickt wurde oder hier bekannt ist</translation>
    </message>
    <message>
        <source>The certificate claims network addresses that its issuer does not have</source>
        <translation>Das Zertifikat beansprucht Netzadressen, die sein Aussteller nicht hat</translation>
    </message>
    <message>
        <source>The certificate contradicts itself about the method of its signature</source>
        <translation>Das Zertifikat widerspricht sich über das Verfahren seiner Signatur</translation>
    </message>
    <message>
        <source>The certificate could not be verified for an unknown reason</source>
        <translation>Das Zertifikat konnte aus unbekanntem Grund nicht geprüft werden</translation>
    </message>
    <message>
        <source>The certificate does not identify its own key</source>
        <translation>Das Zertifikat bezeichnet seinen eigenen Schlüssel nicht</translation>
    </message>
    <message>
        <source>The certificate does not identify the key of its issuer</source>
        <translation>Das Zertifikat bezeichnet den Schlüssel seines Ausstellers nicht</translation>
    </message>
    <message>
        <source>The certificate does not match the DANE records of the server</source>
        <translation>Das Zertifikat passt nicht zu den DANE-Einträgen des Servers</translation>
    </message>
    <message>
        <source>The certificate does not name its issuer</source>
        <translation>Das Zertifikat nennt seinen Aussteller nicht</translation>
    </message>
    <message>
        <source>The certificate does not reach the required level of Suite B</source>
        <translation>Das Zertifikat erreicht die verlangte Stufe von Suite B nicht</translation>
    </message>
    <message>
        <source>The certificate has a critical extension that is not understood</source>
        <translation>Das Zertifikat hat eine kritische Erweiterung, die nicht verstanden wird</translation>
    </message>
    <message>
        <source>The certificate has a key on a curve that Suite B does not allow</source>
        <translation>Das Zertifikat hat einen Schlüssel auf einer Kurve, die Suite B nicht erlaubt</translation>
    </message>
    <message>
        <source>The certificate has a kind of key that Suite B does not allow</source>
        <translation>Das Zertifikat hat eine Art von Schlüssel, die Suite B nicht erlaubt</translation>
    </message>
    <message>
        <source>The certificate has a kind of signature that Suite B does not allow</source>
        <translation>Das Zertifikat hat eine Art von Signatur, die Suite B nicht erlaubt</translation>
    </message>
    <message>
        <source>The certificate has a limit that only authorities may have</source>
        <translation>Das Zertifikat hat eine Grenze, die nur Stellen haben dürfen</translation>
    </message>
    <message>
        <source>The certificate has a name in a form that cannot be read</source>
        <translation>Das Zertifikat hat einen Namen in einer Form, die nicht lesbar ist</translation>
    </message>
    <message>
        <source>The certificate has a name that its issuer is forbidden to certify</source>
        <translation>Das Zertifikat hat einen Namen, den sein Aussteller nicht bescheinigen darf</translation>
    </message>
    <message>
        <source>The certificate has a name that its issuer is not permitted to certify</source>
        <translation>Das Zertifikat hat einen Namen, den zu bescheinigen seinem Aussteller nicht gestattet ist</translation>
    </message>
    <message>
        <source>The certificate has a version that Suite B does not allow</source>
        <translation>Das Zertifikat hat eine Version, die Suite B nicht erlaubt</translation>
    </message>
    <message>
        <source>The certificate has an empty list of names</source>
        <translation>Das Zertifikat hat eine leere Liste von Namen</translation>
    </message>
    <message>
        <source>The certificate has an empty subject</source>
        <translation>Das Zertifikat nennt keinen Inhaber</translation>
    </message>
    <message>
        <source>The certificate has an invalid or contradictory extension</source>
        <translation>Das Zertifikat hat eine ungültige oder widersprüchliche Erweiterung</translation>
    </message>
    <message>
        <source>The certificate has an invalid or contradictory policy extension</source>
        <translation>Das Zertifikat hat eine ungültige oder widersprüchliche Erweiterung über Richtlinien</translation>
    </message>
    <message>
        <source>The certificate has an unreadable date of expiry</source>
        <translation>Das Ablaufdatum des Zertifikats ist nicht lesbar</translation>
    </message>
    <message>
        <source>The certificate has an unreadable date of first validity</source>
        <translation>Das Anfangsdatum des Zertifikats ist nicht lesbar</translation>
    </message>
    <message>
        <source>The certificate has been revoked by its issuer</source>
        <translation>Das Zertifikat wurde von seinem Aussteller gesperrt</translation>
    </message>
    <message>
        <source>The certificate has been revoked: its own server has sent a revocation status that says so</source>
        <translation>Das Zertifikat wurde gesperrt: Das sagt der Sperrstatus, den der Server selbst mitgeschickt hat</translation>
    </message>
    <message>
        <source>The certificate has expired, or the clock of this computer is wrong</source>
        <translation>Das Zertifikat ist abgelaufen, oder die Uhr dieses Rechners geht falsch</translation>
    </message>
    <message>
        <source>The certificate has extensions, but an old version that cannot have any</source>
        <translation>Das Zertifikat hat Erweiterungen, aber eine alte Version, die keine haben kann</translation>
    </message>
    <message>
        <source>The certificate has no subject, but its list of names is not marked as critical</source>
        <translation>Das Zertifikat nennt keinen Inhaber, aber seine Liste von Namen ist nicht als kritisch gekennzeichnet</translation>
    </message>
    <message>
        <source>The certificate identifies its issuer incompletely</source>
        <translation>Das Zertifikat bezeichnet seinen Aussteller unvollständig</translation>
    </message>
    <message>
        <source>The certificate identifies the key of its issuer with nothing</source>
        <translation>Die Bezeichnung für den Schlüssel des Ausstellers ist leer</translation>
    </message>
    <message>
        <source>The certificate is a proxy certificate, which is not allowed here</source>
        <translation>Das Zertifikat ist ein Stellvertreter-Zertifikat, was hier nicht erlaubt ist</translation>
    </message>
    <message>
        <source>The certificate is not allowed to make signatures</source>
        <translation>Das Zertifikat darf keine Signaturen leisten</translation>
    </message>
    <message>
        <source>The certificate is not in the public logs of Certificate Transparency</source>
        <translation>Das Zertifikat steht nicht in den öffentlichen Verzeichnissen von Certificate Transparency</translation>
    </message>
    <message>
        <source>The certificate is not valid for the IP address that was asked for</source>
        <translation>Das Zertifikat gilt nicht für die verlangte IP-Adresse</translation>
    </message>
    <message>
        <source>The certificate is not valid for the host name that was asked for</source>
        <translation>Das Zertifikat gilt nicht für den verlangten Rechnernamen</translation>
    </message>
    <message>
        <source>The certificate is not valid yet, or the clock of this computer is wrong</source>
        <translation>Das Zertifikat ist noch nicht gültig, oder die Uhr dieses Rechners geht falsch</translation>
    </message>
    <message>
        <source>The certificate is signed by itself and not by a trusted authority</source>
        <translation>Das Zertifikat ist von sich selbst signiert und nicht von einer vertrauenswürdigen Stelle</translation>
    </message>
    <message>
        <source>The certificate is signed with a method that is not supported</source>
        <translation>Das Zertifikat ist mit einem Verfahren signiert, das nicht unterstützt wird</translation>
    </message>
    <message>
        <source>The certificate is signed with an outdated method that can be forged</source>
        <translation>Das Zertifikat ist mit einem veralteten Verfahren signiert, das sich fälschen lässt</translation>
    </message>
    <message>
        <source>The certificate may only be used together with its revocation status, which the server did not send</source>
        <translation>Das Zertifikat gilt nur zusammen mit seinem Sperrstatus, den der Server nicht mitgeschickt hat</translation>
    </message>
    <message>
        <source>The certificate may sign others, but is not an authority</source>
        <translation>Das Zertifikat darf andere signieren, gehört aber keiner Stelle</translation>
    </message>
    <message>
        <source>The certificate names another certificate of its issuer than the one that was found</source>
        <translation>Das Zertifikat nennt ein anderes Zertifikat seines Ausstellers als das gefundene</translation>
    </message>
    <message>
        <source>The certificate names another issuer than the one that was found</source>
        <translation>Das Zertifikat nennt einen anderen Aussteller als den gefundenen</translation>
    </message>
    <message>
        <source>The certificate names another key of its issuer than the one that was found</source>
        <translation>Das Zertifikat nennt einen anderen Schlüssel seines Ausstellers als den gefundenen</translation>
    </message>
    <message>
        <source>The certificate needs a feature of an extension that is not supported</source>
        <translation>Das Zertifikat braucht eine Möglichkeit einer Erweiterung, die nicht unterstützt wird</translation>
    </message>
    <message>
        <source>The certificate of an authority in the chain is missing</source>
        <translation>Das Zertifikat einer Stelle in der Kette fehlt</translation>
    </message>
    <message>
        <source>The certificate was issued by an authority that is not trusted here</source>
        <translation>Das Zertifikat stammt von einer Stelle, der hier nicht vertraut wird</translation>
    </message>
    <message>
        <source>The certificate was issued by an unknown authority, or an intermediate certificate is missing</source>
        <translation>Das Zertifikat stammt von einer unbekannten Stelle, oder ein Zwischenzertifikat fehlt</translation>
    </message>
    <message>
        <source>The certificate was issued for another purpose than this kind of connection</source>
        <translation>Das Zertifikat wurde für einen anderen Zweck ausgestellt als diese Art von Verbindung</translation>
    </message>
    <message>
        <source>The certificate was not issued under a required policy</source>
        <translation>Das Zertifikat wurde nicht nach einer verlangten Richtlinie ausgestellt</translation>
    </message>
    <message>
        <source>The certificate&apos;s issuer has no public key</source>
        <translation>Der Aussteller des Zertifikats hat keinen öffentlichen Schlüssel</translation>
    </message>
    <message>
        <source>The certificate&apos;s key is on a curve without a name, which is not allowed</source>
        <translation>Der Schlüssel des Zertifikats liegt auf einer Kurve ohne Namen, was nicht erlaubt ist</translation>
    </message>
    <message>
        <source>The certificate&apos;s revocation status is from the future, or the clock of this computer is wrong</source>
        <translation>Der Sperrstatus des Zertifikats stammt aus der Zukunft, oder die Uhr dieses Rechners geht falsch</translation>
    </message>
    <message>
        <source>The certificate&apos;s revocation status is out of date</source>
        <translation>Der Sperrstatus des Zertifikats ist veraltet</translation>
    </message>
    <message>
        <source>The identifier of the certificate&apos;s key is wrongly marked as critical</source>
        <translation>Die Bezeichnung für den Schlüssel des Zertifikats ist fälschlich als kritisch gekennzeichnet</translation>
    </message>
    <message>
        <source>The identifier of the issuer&apos;s key is wrongly marked as critical</source>
        <translation>Die Bezeichnung für den Schlüssel des Ausstellers ist fälschlich als kritisch gekennzeichnet</translation>
    </message>
    <message>
        <source>The issuer has a weaker key than Suite B allows for this certificate</source>
        <translation>Der Aussteller hat einen schwächeren Schlüssel, als Suite B für dieses Zertifikat erlaubt</translation>
    </message>
    <message>
        <source>The issuer is not allowed to sign certificates</source>
        <translation>Der Aussteller darf keine Zertifikate signieren</translation>
    </message>
    <message>
        <source>The issuer is not allowed to sign revocation lists</source>
        <translation>Der Aussteller darf keine Sperrlisten signieren</translation>
    </message>
    <message>
        <source>The issuer limits a kind of name that is not supported</source>
        <translation>Der Aussteller beschränkt eine Art von Namen, die nicht unterstützt wird</translation>
    </message>
    <message>
        <source>The issuer limits names in a form that cannot be read</source>
        <translation>Der Aussteller beschränkt Namen in einer Form, die nicht lesbar ist</translation>
    </message>
    <message>
        <source>The issuer limits names in a way that is not supported</source>
        <translation>Der Aussteller beschränkt Namen auf eine Weise, die nicht unterstützt wird</translation>
    </message>
    <message>
        <source>The issuer of the certificate is not allowed to issue certificates</source>
        <translation>Der Aussteller des Zertifikats darf keine Zertifikate ausstellen</translation>
    </message>
    <message>
        <source>The issuer of the revocation list could not be verified</source>
        <translation>Der Aussteller der Sperrliste konnte nicht geprüft werden</translation>
    </message>
    <message>
        <source>The issuer of the revocation list is not known here</source>
        <translation>Der Aussteller der Sperrliste ist hier nicht bekannt</translation>
    </message>
    <message>
        <source>The issuers of the certificate form a circle</source>
        <translation>Die Aussteller des Zertifikats bilden einen Kreis</translation>
    </message>
    <message>
        <source>The key of an authority in the chain is too short to be secure</source>
        <translation>Der Schlüssel einer Stelle in der Kette ist zu kurz, um sicher zu sein</translation>
    </message>
    <message>
        <source>The key of the certificate is too short to be secure</source>
        <translation>Der Schlüssel des Zertifikats ist zu kurz, um sicher zu sein</translation>
    </message>
    <message>
        <source>The method of the certificate&apos;s signature does not fit the key of its issuer</source>
        <translation>Das Verfahren der Signatur des Zertifikats passt nicht zum Schlüssel seines Ausstellers</translation>
    </message>
    <message>
        <source>The name of the server cannot be the name of any certificate</source>
        <translation>Der Name des Servers kann in keinem Zertifikat stehen</translation>
    </message>
    <message>
        <source>The peer has not sent a certificate</source>
        <translation>Die Gegenstelle hat kein Zertifikat geschickt</translation>
    </message>
    <message>
        <source>The peer&apos;s raw public key is not trusted here</source>
        <translation>Dem bloßen öffentlichen Schlüssel der Gegenstelle wird hier nicht vertraut</translation>
    </message>
    <message>
        <source>The proxy certificate has a name that its issuer must not give</source>
        <translation>Das Stellvertreter-Zertifikat hat einen Namen, den sein Aussteller nicht vergeben darf</translation>
    </message>
    <message>
        <source>The public key of the certificate&apos;s issuer cannot be read</source>
        <translation>Der öffentliche Schlüssel des Ausstellers ist nicht lesbar</translation>
    </message>
    <message>
        <source>The responder for the revocation status does not know the certificate</source>
        <translation>Die Auskunft über den Sperrstatus kennt das Zertifikat nicht</translation>
    </message>
    <message>
        <source>The responder of the certificate&apos;s issuer does not know the certificate</source>
        <translation>Die Auskunft des Ausstellers kennt das Zertifikat nicht</translation>
    </message>
    <message>
        <source>The revocation list contradicts itself about the certificates it covers</source>
        <translation>Die Sperrliste widerspricht sich darüber, welche Zertifikate sie betrifft</translation>
    </message>
    <message>
        <source>The revocation list could not be verified</source>
        <translation>Die Sperrliste konnte nicht geprüft werden</translation>
    </message>
    <message>
        <source>The revocation list has a critical extension that is not understood</source>
        <translation>Die Sperrliste hat eine kritische Erweiterung, die nicht verstanden wird</translation>
    </message>
    <message>
        <source>The revocation list has an unreadable date of expiry</source>
        <translation>Das Ablaufdatum der Sperrliste ist nicht lesbar</translation>
    </message>
    <message>
        <source>The revocation list has an unreadable date of issue</source>
        <translation>Das Ausstellungsdatum der Sperrliste ist nicht lesbar</translation>
    </message>
    <message>
        <source>The revocation list is not responsible for the certificate</source>
        <translation>Die Sperrliste ist für das Zertifikat nicht zuständig</translation>
    </message>
    <message>
        <source>The revocation list is not valid yet, or the clock of this computer is wrong</source>
        <translation>Die Sperrliste ist noch nicht gültig, oder die Uhr dieses Rechners geht falsch</translation>
    </message>
    <message>
        <source>The revocation list is out of date</source>
        <translation>Die Sperrliste ist veraltet</translation>
    </message>
    <message>
        <source>The revocation status is not valid yet, or the clock of this computer is wrong</source>
        <translation>Der Sperrstatus ist noch nicht gültig, oder die Uhr dieses Rechners geht falsch</translation>
    </message>
    <message>
        <source>The revocation status is out of date, or the clock of this computer is wrong</source>
        <translation>Der Sperrstatus ist veraltet, oder die Uhr dieses Rechners geht falsch</translation>
    </message>
    <message>
        <source>The revocation status of the certificate could not be checked</source>
        <translation>Der Sperrstatus des Zertifikats konnte nicht geprüft werden</translation>
    </message>
    <message>
        <source>The revocation status of the certificate still has to be checked</source>
        <translation>Der Sperrstatus des Zertifikats muss noch geprüft werden</translation>
    </message>
    <message>
        <source>The revocation status of the certificate was not sent</source>
        <translation>Der Sperrstatus des Zertifikats wurde nicht mitgeschickt</translation>
    </message>
    <message>
        <source>The revocation status that the server sent cannot be read</source>
        <translation>Der Sperrstatus, den der Server mitgeschickt hat, ist nicht lesbar</translation>
    </message>
    <message>
        <source>The revocation status that the server sent is about another certificate</source>
        <translation>Der Sperrstatus, den der Server mitgeschickt hat, betrifft ein anderes Zertifikat</translation>
    </message>
    <message>
        <source>The revocation status that was sent with the certificate cannot be read</source>
        <translation>Der Sperrstatus, der mit dem Zertifikat geschickt wurde, ist nicht lesbar</translation>
    </message>
    <message>
        <source>The revocation status was signed by somebody whom the certificate&apos;s issuer has not authorized</source>
        <translation>Den Sperrstatus hat jemand signiert, den der Aussteller des Zertifikats nicht dazu ermächtigt hat</translation>
    </message>
    <message>
        <source>The server did not send the revocation status of its certificate, which was asked for</source>
        <translation>Der Server hat den verlangten Sperrstatus seines Zertifikats nicht mitgeschickt</translation>
    </message>
    <message>
        <source>The server sent an error of its responder instead of a revocation status: an internal error</source>
        <translation>Der Server hat statt eines Sperrstatus einen Fehler seiner Auskunft geschickt: einen internen Fehler</translation>
    </message>
    <message>
        <source>The server sent an error of its responder instead of a revocation status: it refuses to answer</source>
        <translation>Der Server hat statt eines Sperrstatus einen Fehler seiner Auskunft geschickt: Sie verweigert die Antwort</translation>
    </message>
    <message>
        <source>The server sent an error of its responder instead of a revocation status: the request must be signed</source>
        <translation>Der Server hat statt eines Sperrstatus einen Fehler seiner Auskunft geschickt: Die Anfrage muss signiert sein</translation>
    </message>
    <message>
        <source>The server sent an error of its responder instead of a revocation status: the request was malformed</source>
        <translation>Der Server hat statt eines Sperrstatus einen Fehler seiner Auskunft geschickt: Die Anfrage war fehlerhaft</translation>
    </message>
    <message>
        <source>The server sent an error of its responder instead of a revocation status: try later</source>
        <translation>Der Server hat statt eines Sperrstatus einen Fehler seiner Auskunft geschickt: später noch einmal</translation>
    </message>
    <message>
        <source>The signature of the certificate cannot be read</source>
        <translation>Die Signatur des Zertifikats ist nicht lesbar</translation>
    </message>
    <message>
        <source>The signature of the certificate is wrong: it was changed or forged</source>
        <translation>Die Signatur des Zertifikats ist falsch: Es wurde verändert oder gefälscht</translation>
    </message>
    <message>
        <source>The signature of the certificate&apos;s revocation status is wrong</source>
        <translation>Die Signatur des Sperrstatus des Zertifikats ist falsch</translation>
    </message>
    <message>
        <source>The signature of the revocation list cannot be read</source>
        <translation>Die Signatur der Sperrliste ist nicht lesbar</translation>
    </message>
    <message>
        <source>The signature of the revocation list is wrong: it was changed or forged</source>
        <translation>Die Signatur der Sperrliste ist falsch: Sie wurde verändert oder gefälscht</translation>
    </message>
    <message>
        <source>The signature of the revocation status is wrong: it was changed or forged</source>
        <translation>Die Signatur des Sperrstatus ist falsch: Er wurde verändert oder gefälscht</translation>
    </message>
    <message>
        <source>The store of trusted certificates could not be searched</source>
        <translation>Der Speicher der vertrauenswürdigen Zertifikate konnte nicht durchsucht werden</translation>
    </message>
    <message>
        <source>The verification of the certificate ended without a result</source>
        <translation>Die Prüfung des Zertifikats endete ohne Ergebnis</translation>
    </message>
    <message>
        <source>The verification was started in a wrong way</source>
        <translation>Die Prüfung wurde falsch begonnen</translation>
    </message>
    <message>
        <source>There are more authorities below an authority than it allows</source>
        <translation>Unter einer Stelle gibt es mehr Stellen, als sie erlaubt</translation>
    </message>
    <message>
        <source>There are more certificates between this one and a trusted authority than are allowed</source>
        <translation>Zwischen diesem Zertifikat und einer vertrauenswürdigen Stelle liegen mehr Zertifikate als erlaubt</translation>
    </message>
    <message>
        <source>There are more proxy certificates than are allowed</source>
        <translation>Es gibt mehr Stellvertreter-Zertifikate als erlaubt</translation>
    </message>
    <message>
        <source>There is no revocation list that tells whether the certificate is still good</source>
        <translation>Es gibt keine Sperrliste, die sagt, ob das Zertifikat noch gut ist</translation>
    </message>
    <message>
        <source>There was not enough memory to verify the certificate</source>
        <translation>Der Speicher reichte nicht, um das Zertifikat zu prüfen</translation>
    </message>
    <message>
        <source>it is for %1</source>
        <translation>es gilt für %1</translation>
    </message>
</context>
<context>
    <name>StatusBadge</name>
    <message>
        <source>Looking up the host…</source>
        <translation>Rechner wird gesucht …</translation>
    </message>
    <message>
        <source>Connecting…</source>
        <translation>Verbindet …</translation>
    </message>
    <message>
        <source>Securing…</source>
        <translation>Wird gesichert …</translation>
    </message>
    <message>
        <source>Waiting for you</source>
        <translation>Wartet auf Sie</translation>
    </message>
    <message>
        <source>Encrypted, not verified</source>
        <translation>Verschlüsselt, nicht geprüft</translation>
    </message>
    <message>
        <source>Encrypted</source>
        <translation>Verschlüsselt</translation>
    </message>
    <message>
        <source>Not encrypted</source>
        <translation>Nicht verschlüsselt</translation>
    </message>
    <message>
        <source>Closing…</source>
        <translation>Wird geschlossen …</translation>
    </message>
    <message>
        <source>Connection failed</source>
        <translation>Verbindung gescheitert</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>Nicht verbunden</translation>
    </message>
</context>
<context>
    <name>TrustDialog</name>
    <message>
        <source>Certificate not verified</source>
        <extracomment>decided(accepted: bool): the user has answered, and the requests have been told; not when nobody waited any more.</extracomment>
        <translation>Zertifikat nicht geprüft</translation>
    </message>
    <message>
        <source>Another question like this one will follow.</source>
        <translation>Danach folgt noch eine solche Frage.</translation>
    </message>
    <message numerus="yes">
        <source>%n more questions like this one will follow.</source>
        <translation>
            <numerusform>Danach folgt noch %n solche Frage.</numerusform>
            <numerusform>Danach folgen noch %n solche Fragen.</numerusform>
        </translation>
    </message>
    <message>
        <source>Hide &amp;Details</source>
        <translation>&amp;Einzelheiten verbergen</translation>
    </message>
    <message>
        <source>Show &amp;Details</source>
        <translation>&amp;Einzelheiten zeigen</translation>
    </message>
    <message>
        <source>Somebody may be pretending to be this server, to read along.</source>
        <translation>Vielleicht gibt sich jemand als dieser Server aus, um mitzulesen.</translation>
    </message>
    <message>
        <source>a client without a certificate</source>
        <translation>ein Client ohne Zertifikat</translation>
    </message>
    <message>
        <source>Somebody may be pretending to be this client.</source>
        <translation>Vielleicht gibt sich jemand als dieser Client aus.</translation>
    </message>
    <message>
        <source>The identity of “%1” could not be verified</source>
        <translation>Die Identität von „%1“ konnte nicht geprüft werden</translation>
    </message>
    <message>
        <source>Certificate of %1, valid until %2. Its SHA-256 fingerprint:</source>
        <translation>Zertifikat von %1, gültig bis %2. Sein SHA-256-Fingerabdruck:</translation>
    </message>
    <message>
        <source>SHA-256 fingerprint</source>
        <translation>SHA-256-Fingerabdruck</translation>
    </message>
    <message>
        <source>You cannot go on: errors like this are no matter of opinion.</source>
        <translation>Sie können nicht fortfahren: Solche Fehler sind keine Ansichtssache.</translation>
    </message>
    <message>
        <source>If you go on, trust this certificate</source>
        <translation>Wenn Sie fortfahren, diesem Zertifikat vertrauen</translation>
    </message>
    <message>
        <source>&amp;only for this connection</source>
        <translation>&amp;nur für diese Verbindung</translation>
    </message>
    <message>
        <source>until this &amp;program ends</source>
        <translation>bis dieses &amp;Programm endet</translation>
    </message>
    <message>
        <source>&amp;always</source>
        <translation>&amp;immer</translation>
    </message>
    <message>
        <source>&amp;Connect Anyway</source>
        <translation>&amp;Trotzdem verbinden</translation>
    </message>
    <message>
        <source>&amp;Admit Anyway</source>
        <translation>&amp;Trotzdem zulassen</translation>
    </message>
    <message>
        <source>Do &amp;Not Connect</source>
        <translation>Ni&amp;cht verbinden</translation>
    </message>
    <message>
        <source>Do &amp;Not Admit</source>
        <translation>Ni&amp;cht zulassen</translation>
    </message>
</context>
<context>
    <name>TrustPrompt</name>
    <message>
        <source>this client</source>
        <translation>diesem Client</translation>
    </message>
    <message>
        <source>Do you trust %1?</source>
        <translation>Vertrauen Sie %1?</translation>
    </message>
    <message>
        <source>%1 cannot be trusted</source>
        <translation>%1 ist nicht zu trauen</translation>
    </message>
    <message>
        <source>Another certificate was trusted for this server before.</source>
        <translation>Für diesen Server wurde früher einem anderen Zertifikat vertraut.</translation>
    </message>
    <message>
        <source>Another certificate was trusted for this server on %1.</source>
        <translation>Für diesen Server wurde am %1 einem anderen Zertifikat vertraut.</translation>
    </message>
    <message>
        <source>Either the server has a new one, or this is an attack. Ask the operator before you go on. The fingerprint that was trusted:</source>
        <translation>Entweder hat der Server ein neues, oder dies ist ein Angriff. Fragen Sie den Betreiber, bevor Sie fortfahren. Der Fingerabdruck, dem vertraut wurde:</translation>
    </message>
    <message>
        <source>Somebody who listens in could pretend to be %1. Its certificate does not prove who it is:</source>
        <translation>Wer mithört, könnte sich als %1 ausgeben. Das Zertifikat beweist nicht, wer es ist:</translation>
    </message>
    <message>
        <source>The certificate of this client does not prove who it is:</source>
        <translation>Das Zertifikat dieses Clients beweist nicht, wer er ist:</translation>
    </message>
    <message>
        <source>Go on only if you have compared the fingerprint with the one that the operator has told you.</source>
        <translation>Fahren Sie nur fort, wenn Sie den Fingerabdruck mit dem verglichen haben, den Ihnen der Betreiber genannt hat.</translation>
    </message>
    <message>
        <source>This cannot be overridden.</source>
        <translation>Das lässt sich nicht übergehen.</translation>
    </message>
    <message>
        <source>SHA-256</source>
        <translation>SHA-256</translation>
    </message>
    <message>
        <source>If you go on:</source>
        <translation>Wenn Sie fortfahren:</translation>
    </message>
    <message>
        <source>this time only</source>
        <translation>nur dieses Mal</translation>
    </message>
    <message>
        <source>until the program ends</source>
        <translation>bis das Programm endet</translation>
    </message>
    <message>
        <source>always</source>
        <translation>immer</translation>
    </message>
    <message>
        <source>How long the certificate is trusted</source>
        <translation>Wie lange dem Zertifikat vertraut wird</translation>
    </message>
    <message>
        <source>The whole certificate</source>
        <translation>Das ganze Zertifikat</translation>
    </message>
    <message>
        <source>Questions after this one: %1</source>
        <translation>Fragen nach dieser: %1</translation>
    </message>
    <message>
        <source>Connect anyway</source>
        <translation>Trotzdem verbinden</translation>
    </message>
    <message>
        <source>Do not connect</source>
        <translation>Nicht verbinden</translation>
    </message>
</context>
<context>
    <name>_End</name>
    <message>
        <source>Conversation</source>
        <extracomment>heard(text: str): the other end has said something.</extracomment>
        <translation>Gespräch</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>Nachricht</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>Senden</translation>
    </message>
</context>
</TS>
