"""What runs inside the measured processes. Nothing here imports the rest of the benchmark."""
