"""The scoreboard of reliability: thirty figures with targets, measured by the tests that are marked with them."""
