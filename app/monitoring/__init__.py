"""What the service counts while it runs."""
