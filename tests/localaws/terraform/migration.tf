# A migration that waits for its start: from an old shop to the new one.
resource "aws_iam_role" "dms" {
  # AWS looks for this name
  name = "dms-vpc-role"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "dms.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "dms" {
  role       = aws_iam_role.dms.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonDMSVPCManagementRole"
}

resource "aws_dms_replication_subnet_group" "private" {
  replication_subnet_group_id          = "tf-dms"
  replication_subnet_group_description = "private"
  subnet_ids                           = aws_subnet.private[*].id
  depends_on                           = [aws_iam_role_policy_attachment.dms]
}

resource "aws_dms_replication_instance" "mover" {
  replication_instance_id     = "tf-mover"
  replication_instance_class  = "dms.t3.micro"
  allocated_storage           = 20
  publicly_accessible         = false
  replication_subnet_group_id = aws_dms_replication_subnet_group.private.id
  vpc_security_group_ids      = [aws_security_group.database.id]
  apply_immediately           = true
  tags                        = { Course = "databases" }
}

resource "aws_dms_endpoint" "ends" {
  for_each      = { source = "old", target = "new" }
  endpoint_id   = "tf-${each.value}"
  endpoint_type = each.key
  engine_name   = "postgres"
  server_name   = "${each.value}.shop.internal"
  port          = 5432
  database_name = "shop"
  username      = "shop"
  password      = "correct-horse-battery"
  ssl_mode      = "require"
}

resource "aws_dms_replication_task" "move" {
  replication_task_id      = "tf-move"
  migration_type           = "full-load-and-cdc"
  replication_instance_arn = aws_dms_replication_instance.mover.replication_instance_arn
  source_endpoint_arn      = aws_dms_endpoint.ends["source"].endpoint_arn
  target_endpoint_arn      = aws_dms_endpoint.ends["target"].endpoint_arn
  start_replication_task   = false
  table_mappings = jsonencode({
    rules = [{
      "rule-type"      = "selection"
      "rule-id"        = "1"
      "rule-name"      = "1"
      "object-locator" = { "schema-name" = "public", "table-name" = "%" }
      "rule-action"    = "include"
    }]
  })
  tags = { Course = "databases" }
}
