"""DTLS between the engine and Qt: what happens for every datagram, without any QObject."""
