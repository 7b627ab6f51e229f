"""Carrying out steps: attempts and retries, the journal of calls, effects, compensation."""
