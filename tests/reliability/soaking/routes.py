"""The faults of the network between clients and servers of the soak."""

from __future__ import annotations

TCP_FAULTS = ("slow", "stall", "reset", "truncate", "flip", "silence")
"""Small pieces with pauses; one long pause; RST; FIN in one direction; one bit changed; nothing more."""

UDP_FAULTS: dict[str, dict[str, float]] = {
    "lossy": {"loss": 0.1, "duplicate": 0.1, "reorder": 0.2, "corrupt": 0.02, "delay": 0.002, "jitter": 0.005},
    "awful": {"loss": 0.25, "duplicate": 0.2, "reorder": 0.3, "corrupt": 0.05, "delay": 0.005, "jitter": 0.01},
    "hole": {"loss": 1.0},
}
"""What a DatagramLink does."""

HARMLESS = ("direct", "slow", "stall")
"""Routes over which everything arrives in the end."""
