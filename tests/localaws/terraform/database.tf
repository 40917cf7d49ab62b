# The primary, with parameters of a family that the engine-version data source names, and a snapshot of it.
data "aws_rds_engine_version" "postgres" {
  engine = "postgres"
  latest = true
}

data "aws_rds_orderable_db_instance" "small" {
  engine                     = data.aws_rds_engine_version.postgres.engine
  engine_version             = data.aws_rds_engine_version.postgres.version
  preferred_instance_classes = ["db.t4g.micro", "db.t3.micro"]
}

resource "aws_db_parameter_group" "shop" {
  name   = "tf-shop"
  family = data.aws_rds_engine_version.postgres.parameter_group_family

  parameter {
    name  = "log_min_duration_statement"
    value = "250"
  }

  parameter {
    name         = "max_connections"
    value        = "40"
    apply_method = "pending-reboot"
  }
}

resource "aws_kms_key" "data" {
  description             = "tf-shop"
  deletion_window_in_days = 7
}

resource "aws_db_instance" "shop" {
  identifier              = "tf-shop"
  engine                  = data.aws_rds_orderable_db_instance.small.engine
  engine_version          = data.aws_rds_orderable_db_instance.small.engine_version
  instance_class          = data.aws_rds_orderable_db_instance.small.instance_class
  allocated_storage       = 20
  max_allocated_storage   = 40
  storage_type            = "gp3"
  storage_encrypted       = true
  kms_key_id              = aws_kms_key.data.arn
  db_name                 = "shop"
  username                = "shop"
  password                = "correct-horse"
  parameter_group_name    = aws_db_parameter_group.shop.name
  db_subnet_group_name    = aws_db_subnet_group.private.name
  vpc_security_group_ids  = [aws_security_group.database.id]
  backup_retention_period = 7
  apply_immediately       = true
  skip_final_snapshot     = true
  tags                    = { Name = "shop" }
}

resource "aws_db_instance" "replica" {
  identifier             = "tf-shop-replica"
  replicate_source_db    = aws_db_instance.shop.identifier
  instance_class         = aws_db_instance.shop.instance_class
  storage_encrypted      = true
  parameter_group_name   = aws_db_parameter_group.shop.name
  vpc_security_group_ids = [aws_security_group.database.id]
  skip_final_snapshot    = true
}

resource "aws_db_snapshot" "shop" {
  db_instance_identifier = aws_db_instance.shop.identifier
  db_snapshot_identifier = "tf-shop-first"
}
