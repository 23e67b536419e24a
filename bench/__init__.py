"""What `make bench` runs: measurements, and the training of matching weights on made-up countries."""
