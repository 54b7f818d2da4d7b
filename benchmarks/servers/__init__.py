"""What runs in the processes that are measured. Nothing here imports the rest of the benchmark."""
