# A DynamoDB table with everything that a table can have, and one with provisioned capacity.
resource "aws_dynamodb_table" "events" {
  name             = "tf-events"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "session"
  range_key        = "at"
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  attribute {
    name = "session"
    type = "S"
  }

  attribute {
    name = "at"
    type = "N"
  }

  attribute {
    name = "kind"
    type = "S"
  }

  global_secondary_index {
    name            = "by-kind"
    hash_key        = "kind"
    range_key       = "at"
    projection_type = "KEYS_ONLY"
  }

  local_secondary_index {
    name               = "by-kind-in-session"
    range_key          = "kind"
    projection_type    = "INCLUDE"
    non_key_attributes = ["page"]
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  tags = { Course = "databases" }
}

resource "aws_dynamodb_table" "carts" {
  name           = "tf-carts"
  read_capacity  = 5
  write_capacity = 2
  hash_key       = "user"

  attribute {
    name = "user"
    type = "S"
  }
}

resource "aws_dynamodb_table_item" "cart" {
  table_name = aws_dynamodb_table.carts.name
  hash_key   = aws_dynamodb_table.carts.hash_key
  item = jsonencode({
    user  = { S = "ada" }
    books = { N = "2" }
  })
}
