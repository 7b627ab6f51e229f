"""The HTTP libraries whose requests are recorded, one module for each."""
