"""Words: what differs between texts, and what in them is secret."""
