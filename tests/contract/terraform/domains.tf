# Names of v1 and v2. A v1 name is never changed in place: the provider waits a minute after that.

locals {
  certificate = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
}

resource "aws_api_gateway_domain_name" "shop" {
  domain_name              = "shop.terraform.example"
  regional_certificate_arn = local.certificate
  security_policy          = "TLS_1_2"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  tags = {
    team = local.which
  }
}

resource "aws_api_gateway_base_path_mapping" "shop" {
  api_id      = aws_api_gateway_rest_api.shop.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  domain_name = aws_api_gateway_domain_name.shop.domain_name
  base_path   = local.which
}

resource "aws_api_gateway_domain_name" "edge" {
  domain_name     = "edge.terraform.example"
  certificate_arn = local.certificate
}

resource "aws_api_gateway_base_path_mapping" "edge" {
  api_id      = aws_api_gateway_rest_api.shop.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  domain_name = aws_api_gateway_domain_name.edge.domain_name
}

resource "aws_apigatewayv2_domain_name" "users" {
  domain_name = "users.terraform.example"

  domain_name_configuration {
    certificate_arn = local.certificate
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }

  tags = {
    team = local.which
  }
}

resource "aws_apigatewayv2_api_mapping" "users" {
  api_id          = aws_apigatewayv2_api.users.id
  domain_name     = aws_apigatewayv2_domain_name.users.domain_name
  stage           = aws_apigatewayv2_stage.default.name
  api_mapping_key = "people/${local.which}"
}

data "aws_api_gateway_domain_name" "shop" {
  domain_name = aws_api_gateway_domain_name.shop.domain_name
}

output "found_domain" {
  value = data.aws_api_gateway_domain_name.shop.regional_domain_name == aws_api_gateway_domain_name.shop.regional_domain_name
}
