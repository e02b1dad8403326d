# Nothing of AWS is asked but API Gateway and who calls, both answered by the gateway under test.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  max_retries                 = 1

  endpoints {
    apigateway   = var.endpoint
    apigatewayv2 = var.endpoint
    sts          = var.endpoint
    iam          = var.endpoint
  }
}

variable "endpoint" {
  description = "Of the management API, such as http://127.0.0.1:8081"
  type        = string
}

variable "backend" {
  description = "Where integrations lead, such as http://127.0.0.1:9000"
  type        = string
}

variable "second" {
  description = "False as first applied; true changes whatever can be changed"
  type        = bool
  default     = false
}

data "aws_caller_identity" "me" {}

locals {
  # Functions and roles exist by their names only.
  function = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:${data.aws_caller_identity.me.account_id}:function:guard/invocations"
  role     = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:role/guard"
  which    = var.second ? "second" : "first"
}
