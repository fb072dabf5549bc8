"""What all QObjects here share: signals, slots, their thread, and what making one costs."""
