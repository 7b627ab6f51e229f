"""Servers that tests run against, as processes of their own that survive a killed kernel."""
