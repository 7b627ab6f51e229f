"""Notebooks that have left: what they run on."""
