"""The real servers behind the endpoints: PostgreSQL and Valkey processes, their binaries and their files."""
