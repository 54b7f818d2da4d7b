"""What the service costs, side by side with floors, a baseline and peers."""
