"""moto's own test suites against this local AWS: what passes on moto must pass here, or AWS says why not."""
