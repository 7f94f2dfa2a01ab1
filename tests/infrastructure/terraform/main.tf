terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

variable "shards" {
  default = 1
}

variable "hours" {
  default = 24
}

variable "team" {
  default = "blue"
}

variable "metrics" {
  type    = list(string)
  default = ["IncomingBytes"]
}

variable "encryption" {
  default = "NONE"
}

resource "aws_kinesis_stream" "orders" {
  name                      = "orders"
  shard_count               = var.shards
  retention_period          = var.hours
  shard_level_metrics       = var.metrics
  encryption_type           = var.encryption
  kms_key_id                = var.encryption == "KMS" ? "alias/aws/kinesis" : null
  enforce_consumer_deletion = true

  tags = {
    team = var.team
  }
}

resource "aws_kinesis_stream_consumer" "reader" {
  name       = "reader"
  stream_arn = aws_kinesis_stream.orders.arn
}

resource "aws_dynamodb_table" "leases" {
  name         = "leases"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "leaseKey"

  attribute {
    name = "leaseKey"
    type = "S"
  }
}

output "arn" {
  value = aws_kinesis_stream.orders.arn
}
