"""duranb outside of notebooks: scripts with durable steps."""
