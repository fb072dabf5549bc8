"""Between Qt and the operating system's sockets: addresses, names, options, errors."""
