"""duranb in a Jupyter kernel: cells, outputs, magics."""
