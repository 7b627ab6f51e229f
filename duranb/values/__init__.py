"""What a value is: as bytes and back, its version, what it shares, whether it came back."""
