"""SslServer and DtlsServer: listening, limits, the queue of connections, statistics."""
