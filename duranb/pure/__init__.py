"""Values and functions without input or output: what everything above speaks in."""
