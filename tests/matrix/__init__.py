"""Every Python that is claimed, with both ends of every declared range (``make matrix``)."""
