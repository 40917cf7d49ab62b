# What stands around the database: an alarm that tells a topic, and the password in a secret.
resource "aws_sns_topic" "alarms" {
  name = "tf-alarms"
}

resource "aws_cloudwatch_metric_alarm" "storage" {
  alarm_name          = "tf-shop-storage"
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.shop.identifier }
  statistic           = "Average"
  comparison_operator = "LessThanThreshold"
  threshold           = 2147483648
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_secretsmanager_secret" "shop" {
  name                    = "tf/shop"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "shop" {
  secret_id = aws_secretsmanager_secret.shop.id
  secret_string = jsonencode({
    engine   = "postgres"
    host     = aws_db_instance.shop.address
    username = aws_db_instance.shop.username
    password = aws_db_instance.shop.password
  })
}
