"""Every figure in the README: measured against a peer in the same run, reported as a ratio."""
