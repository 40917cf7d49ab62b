"""The course's outcomes, one module each; `autograder.outcome.outcomes()` finds them."""
