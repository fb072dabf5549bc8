"""Side by side with PySide6's own classes: ``python -m benchmarks``."""
