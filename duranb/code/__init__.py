"""What a cell is: which names it touches, in which order, and the identity of its code."""
