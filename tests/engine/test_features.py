"""What the engine says about itself."""

from __future__ import annotations

from OpenSSL import SSL

from qtsecure.engine.features import probe_features


def test_here() -> None:
    """The required versions have everything but DTLS 1.3, which may come."""
    features = probe_features()
    assert features.openssl_version.startswith("OpenSSL ")
    assert (features.raw_path, features.psk, features.dtls) == (True, True, True)
    context = SSL.Context(SSL.DTLS_METHOD)
    try:
        context.set_max_proto_version(0xFEFC)
    except SSL.Error:
        assert not features.dtls_1_3
    else:
        assert features.dtls_1_3
