"""One façade over one store: what the magics, the timeline and the shell all call."""
