"""MariaDB instances: what is theirs alone in the API, and the controller of their servers."""
