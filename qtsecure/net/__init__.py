"""The Qt side: sockets and servers that turn the engine's events into signals."""
