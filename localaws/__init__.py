"""An AWS on this machine whose databases are real servers."""

__version__ = "0.1.0"
