"""How bytes travel: the reactor's own sockets, or any open QIODevice."""
