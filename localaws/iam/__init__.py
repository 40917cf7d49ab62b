"""IAM: who calls, and, when that is switched on, whether they may."""
