"""One job, written for duranb and for its rivals, as each one's documentation would have it."""
