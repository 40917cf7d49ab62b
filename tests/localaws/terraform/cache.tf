# A cache: its own parameters, a primary and a replica, in the private subnets.
resource "aws_elasticache_subnet_group" "private" {
  name       = "tf-cache"
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_elasticache_parameter_group" "lru" {
  name   = "tf-lru"
  family = "valkey8"

  parameter {
    name  = "maxmemory-policy"
    value = "allkeys-lru"
  }
}

resource "aws_elasticache_replication_group" "sessions" {
  replication_group_id       = "tf-sessions"
  description                = "Sessions"
  engine                     = "valkey"
  node_type                  = "cache.t3.micro"
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  parameter_group_name       = aws_elasticache_parameter_group.lru.name
  subnet_group_name          = aws_elasticache_subnet_group.private.name
  security_group_ids         = [aws_security_group.database.id]
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  auth_token                 = "correct-horse-battery-staple"
  snapshot_retention_limit   = 1
  apply_immediately          = true
  tags                       = { Course = "databases" }
}
