# Clickstream files, their table in Glue, who asks Athena, and the trail of who did what.
resource "aws_s3_bucket" "lake" {
  bucket        = "tf-shopstream-lake"
  force_destroy = true
}

resource "aws_s3_object" "clicks" {
  bucket  = aws_s3_bucket.lake.id
  key     = "clicks/day=2026-01-01/part-0.csv"
  content = "1,home\n2,cart\n"
}

resource "aws_glue_catalog_database" "shop" {
  name = "tf_shop"
}

resource "aws_glue_catalog_table" "clicks" {
  name          = "clicks"
  database_name = aws_glue_catalog_database.shop.name
  table_type    = "EXTERNAL_TABLE"

  partition_keys {
    name = "day"
    type = "string"
  }

  storage_descriptor {
    location      = "s3://${aws_s3_bucket.lake.id}/clicks/"
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
      parameters            = { "field.delim" = "," }
    }

    columns {
      name = "user_id"
      type = "bigint"
    }

    columns {
      name = "page"
      type = "string"
    }
  }
}

resource "aws_athena_workgroup" "analysts" {
  name          = "tf-analysts"
  force_destroy = true

  configuration {
    bytes_scanned_cutoff_per_query = 10485760

    result_configuration {
      output_location = "s3://${aws_s3_bucket.lake.id}/results/"
    }
  }
}

resource "aws_athena_named_query" "pages" {
  name      = "pages"
  workgroup = aws_athena_workgroup.analysts.id
  database  = aws_glue_catalog_database.shop.name
  query     = "select page, count(*) from clicks group by page"
}

resource "aws_s3_bucket" "trail" {
  bucket        = "tf-shopstream-trail"
  force_destroy = true
}

data "aws_iam_policy_document" "trail" {
  statement {
    actions   = ["s3:GetBucketAcl"]
    resources = [aws_s3_bucket.trail.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
  }

  statement {
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.trail.arn}/AWSLogs/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "s3:x-amz-acl"
      values   = ["bucket-owner-full-control"]
    }
  }
}

resource "aws_s3_bucket_policy" "trail" {
  bucket = aws_s3_bucket.trail.id
  policy = data.aws_iam_policy_document.trail.json
}

resource "aws_cloudtrail" "all" {
  name                          = "tf-all"
  s3_bucket_name                = aws_s3_bucket.trail.id
  include_global_service_events = true
  is_multi_region_trail         = true
  enable_log_file_validation    = true
  depends_on                    = [aws_s3_bucket_policy.trail]

  event_selector {
    read_write_type           = "All"
    include_management_events = true

    data_resource {
      type   = "AWS::S3::Object"
      values = ["${aws_s3_bucket.lake.arn}/"]
    }
  }

  tags = { Course = "databases" }
}
