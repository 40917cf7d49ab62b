"""Aurora PostgreSQL: a writer and its readers, their endpoints, groups, snapshots and failovers."""
