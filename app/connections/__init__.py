"""What a connection may cost: time, bytes, descriptors."""
