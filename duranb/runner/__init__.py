"""A notebook run headless, or replayed offline, through any number of kernels."""
