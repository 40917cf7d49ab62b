# An Aurora cluster: its own parameters, a writer, and a reader that comes first at a failover.
data "aws_rds_engine_version" "aurora" {
  engine = "aurora-postgresql"
  latest = true
}

resource "aws_rds_cluster_parameter_group" "shop" {
  name   = "tf-aurora"
  family = data.aws_rds_engine_version.aurora.parameter_group_family

  parameter {
    name  = "log_min_duration_statement"
    value = "500"
  }
}

resource "aws_rds_cluster" "shop" {
  cluster_identifier              = "tf-aurora"
  engine                          = data.aws_rds_engine_version.aurora.engine
  engine_version                  = data.aws_rds_engine_version.aurora.version
  database_name                   = "shop"
  master_username                 = "shop"
  manage_master_user_password     = true
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.shop.name
  db_subnet_group_name            = aws_db_subnet_group.private.name
  vpc_security_group_ids          = [aws_security_group.database.id]
  backup_retention_period         = 3
  skip_final_snapshot             = true
}

resource "aws_rds_cluster_instance" "shop" {
  count              = 2
  identifier         = "tf-aurora-${count.index}"
  cluster_identifier = aws_rds_cluster.shop.id
  engine             = aws_rds_cluster.shop.engine
  engine_version     = aws_rds_cluster.shop.engine_version
  instance_class     = "db.t4g.medium"
  promotion_tier     = 1 - count.index
}
