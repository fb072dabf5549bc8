"""Between Qt's event loop and the sockets of a thread: what is ready, what is due, what is deferred."""
