"""TLS without Qt, sockets or a clock: bytes in, bytes and events out."""
