"""The grading harness: looks at the account and its databases from outside the notebook's kernel."""
