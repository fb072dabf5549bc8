"""The ``qtsecure`` command: try a connection, serve one, look at what this computer can do."""
