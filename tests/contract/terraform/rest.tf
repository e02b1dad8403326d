# A REST API with every kind of resource that one has.

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = local.role
}

resource "aws_api_gateway_rest_api" "shop" {
  name                     = "shop-${local.which}"
  description              = "the ${local.which} shop"
  binary_media_types       = var.second ? ["image/png", "image/gif"] : ["image/png", "application/octet-stream"]
  minimum_compression_size = var.second ? 2048 : 1024
  api_key_source           = "HEADER"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  tags = {
    team = local.which
  }
}

resource "aws_api_gateway_rest_api_policy" "shop" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "execute-api:Invoke"
      Resource  = "*"
    }]
  })
}

resource "aws_api_gateway_model" "pet" {
  rest_api_id  = aws_api_gateway_rest_api.shop.id
  name         = "Pet"
  description  = "a pet, ${local.which}"
  content_type = "application/json"
  schema = jsonencode({
    "$schema"  = "http://json-schema.org/draft-04/schema#"
    title      = "Pet"
    type       = "object"
    properties = { name = { type = "string" } }
  })
}

resource "aws_api_gateway_request_validator" "all" {
  rest_api_id                 = aws_api_gateway_rest_api.shop.id
  name                        = "all-${local.which}"
  validate_request_body       = true
  validate_request_parameters = var.second
}

resource "aws_api_gateway_authorizer" "tokens" {
  rest_api_id                      = aws_api_gateway_rest_api.shop.id
  name                             = "tokens"
  type                             = "TOKEN"
  authorizer_uri                   = local.function
  authorizer_credentials           = local.role
  identity_source                  = "method.request.header.Authorization"
  identity_validation_expression   = "Bearer .*"
  authorizer_result_ttl_in_seconds = var.second ? 0 : 300
}

resource "aws_api_gateway_authorizer" "pool" {
  rest_api_id   = aws_api_gateway_rest_api.shop.id
  name          = "pool"
  type          = "COGNITO_USER_POOLS"
  provider_arns = ["arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_${local.which}"]
}

resource "aws_api_gateway_resource" "pets" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  parent_id   = aws_api_gateway_rest_api.shop.root_resource_id
  path_part   = "pets"
}

resource "aws_api_gateway_resource" "pet" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  parent_id   = aws_api_gateway_resource.pets.id
  path_part   = "{id}"
}

resource "aws_api_gateway_resource" "guarded" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  parent_id   = aws_api_gateway_rest_api.shop.root_resource_id
  path_part   = "guarded-${local.which}"
}

# GET /pets/{id}: passed on.
resource "aws_api_gateway_method" "pet" {
  rest_api_id    = aws_api_gateway_rest_api.shop.id
  resource_id    = aws_api_gateway_resource.pet.id
  http_method    = "GET"
  authorization  = "NONE"
  operation_name = "pet${local.which}"

  request_parameters = {
    "method.request.path.id"       = true
    "method.request.querystring.q" = var.second
  }
}

resource "aws_api_gateway_integration" "pet" {
  rest_api_id             = aws_api_gateway_rest_api.shop.id
  resource_id             = aws_api_gateway_method.pet.resource_id
  http_method             = aws_api_gateway_method.pet.http_method
  type                    = "HTTP_PROXY"
  integration_http_method = "GET"
  uri                     = "${var.backend}/${local.which}/$${stageVariables.version}/{id}"
  timeout_milliseconds    = var.second ? 5000 : 29000
  cache_key_parameters    = ["method.request.path.id"]
  cache_namespace         = "pets"

  request_parameters = {
    "integration.request.path.id"      = "method.request.path.id"
    "integration.request.header.x-who" = "'${local.which}'"
  }
}

# GET /pets: a mock with a mapped header.
resource "aws_api_gateway_method" "pets" {
  rest_api_id      = aws_api_gateway_rest_api.shop.id
  resource_id      = aws_api_gateway_resource.pets.id
  http_method      = "GET"
  authorization    = "NONE"
  api_key_required = false
}

resource "aws_api_gateway_method_response" "pets" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  resource_id = aws_api_gateway_resource.pets.id
  http_method = aws_api_gateway_method.pets.http_method
  status_code = "200"

  response_parameters = {
    "method.response.header.x-shop" = true
  }
  response_models = {
    "application/json" = var.second ? "Empty" : aws_api_gateway_model.pet.name
  }
}

resource "aws_api_gateway_integration" "pets" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  resource_id = aws_api_gateway_resource.pets.id
  http_method = aws_api_gateway_method.pets.http_method
  type        = "MOCK"

  request_templates = {
    "application/json" = jsonencode({ statusCode = 200 })
  }
}

resource "aws_api_gateway_integration_response" "pets" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  resource_id = aws_api_gateway_resource.pets.id
  http_method = aws_api_gateway_integration.pets.http_method
  status_code = aws_api_gateway_method_response.pets.status_code

  response_parameters = {
    "method.response.header.x-shop" = "'${local.which}'"
  }
  response_templates = {
    "application/json" = jsonencode({ pets = local.which })
  }
}

# POST /pets: everything that a method can ask for.
resource "aws_api_gateway_method" "add" {
  rest_api_id          = aws_api_gateway_rest_api.shop.id
  resource_id          = aws_api_gateway_resource.guarded.id
  http_method          = "POST"
  authorization        = "CUSTOM"
  authorizer_id        = aws_api_gateway_authorizer.tokens.id
  api_key_required     = true
  request_validator_id = aws_api_gateway_request_validator.all.id

  request_models = {
    "application/json" = aws_api_gateway_model.pet.name
  }
}

resource "aws_api_gateway_integration" "add" {
  rest_api_id             = aws_api_gateway_rest_api.shop.id
  resource_id             = aws_api_gateway_resource.guarded.id
  http_method             = aws_api_gateway_method.add.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = local.function
}

resource "aws_api_gateway_method" "scoped" {
  rest_api_id          = aws_api_gateway_rest_api.shop.id
  resource_id          = aws_api_gateway_resource.guarded.id
  http_method          = "GET"
  authorization        = "COGNITO_USER_POOLS"
  authorizer_id        = aws_api_gateway_authorizer.pool.id
  authorization_scopes = var.second ? ["read", "write"] : ["read"]
}

resource "aws_api_gateway_integration" "scoped" {
  rest_api_id             = aws_api_gateway_rest_api.shop.id
  resource_id             = aws_api_gateway_resource.guarded.id
  http_method             = aws_api_gateway_method.scoped.http_method
  type                    = "HTTP"
  integration_http_method = "POST"
  uri                     = var.backend
  passthrough_behavior    = "WHEN_NO_TEMPLATES"
  content_handling        = var.second ? "CONVERT_TO_BINARY" : "CONVERT_TO_TEXT"

  request_templates = {
    "application/json" = "$input.body"
    "text/plain"       = local.which
  }

  tls_config {
    insecure_skip_verification = true
  }
}

resource "aws_api_gateway_gateway_response" "missing" {
  rest_api_id   = aws_api_gateway_rest_api.shop.id
  response_type = "MISSING_AUTHENTICATION_TOKEN"
  status_code   = var.second ? "410" : "404"

  response_parameters = {
    "gatewayresponse.header.x-shop" = "'${local.which}'"
  }
  response_templates = {
    "application/json" = "{\"message\":$context.error.messageString}"
  }
}

resource "aws_api_gateway_documentation_part" "api" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  properties  = jsonencode({ description = "the ${local.which} shop" })

  location {
    type = "API"
  }
}

resource "aws_api_gateway_documentation_version" "one" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  version     = "1"
  description = local.which
  depends_on  = [aws_api_gateway_documentation_part.api]
}

resource "aws_api_gateway_client_certificate" "shown" {
  description = local.which
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  description = local.which

  triggers = {
    which = local.which
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [
    aws_api_gateway_integration.pet,
    aws_api_gateway_integration.add,
    aws_api_gateway_integration.scoped,
    aws_api_gateway_integration_response.pets,
    aws_api_gateway_gateway_response.missing,
    aws_api_gateway_rest_api_policy.shop,
  ]
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id           = aws_api_gateway_rest_api.shop.id
  deployment_id         = aws_api_gateway_deployment.this.id
  stage_name            = "prod"
  description           = local.which
  client_certificate_id = aws_api_gateway_client_certificate.shown.id
  documentation_version = aws_api_gateway_documentation_version.one.version
  cache_cluster_enabled = true
  cache_cluster_size    = var.second ? "1.6" : "0.5"
  xray_tracing_enabled  = var.second

  variables = {
    version = var.second ? "v2" : "v1"
  }

  access_log_settings {
    destination_arn = "arn:aws:logs:us-east-1:000000000000:log-group:shop"
    format          = "$context.requestId ${local.which}"
  }

  tags = {
    team = local.which
  }
}

resource "aws_api_gateway_stage" "canary" {
  rest_api_id   = aws_api_gateway_rest_api.shop.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = "canary"

  canary_settings {
    deployment_id   = aws_api_gateway_deployment.this.id
    percent_traffic = var.second ? 25 : 10
    stage_variable_overrides = {
      version = local.which
    }
  }
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = var.second ? "ERROR" : "INFO"
    throttling_rate_limit  = var.second ? 200 : 100
    throttling_burst_limit = 50
  }
}

resource "aws_api_gateway_method_settings" "pets" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "pets/GET"

  settings {
    caching_enabled                            = true
    cache_ttl_in_seconds                       = var.second ? 60 : 30
    cache_data_encrypted                       = true
    require_authorization_for_cache_control    = true
    unauthorized_cache_control_header_strategy = "FAIL_WITH_403"
  }

  depends_on = [aws_api_gateway_method_settings.all]
}

resource "aws_api_gateway_api_key" "partner" {
  name        = "partner-${local.which}"
  description = local.which
  enabled     = !var.second

  tags = {
    team = local.which
  }
}

resource "aws_api_gateway_api_key" "given" {
  name  = "given"
  value = "a-value-that-is-given-by-the-user"
}

resource "aws_api_gateway_usage_plan" "gold" {
  name         = "gold-${local.which}"
  description  = local.which
  product_code = "code-${local.which}"

  api_stages {
    api_id = aws_api_gateway_rest_api.shop.id
    stage  = aws_api_gateway_stage.prod.stage_name

    throttle {
      path        = "/pets/GET"
      burst_limit = 5
      rate_limit  = var.second ? 20 : 10
    }
  }

  quota_settings {
    limit  = var.second ? 2000 : 1000
    offset = 2
    period = "WEEK"
  }

  throttle_settings {
    burst_limit = 5
    rate_limit  = var.second ? 20 : 10
  }
}

resource "aws_api_gateway_usage_plan_key" "partner" {
  key_id        = aws_api_gateway_api_key.partner.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.gold.id
}

resource "aws_api_gateway_vpc_link" "inside" {
  name        = "inside-${local.which}"
  description = local.which
  target_arns = ["arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/nlb/0123456789abcdef"]
}

data "aws_api_gateway_rest_api" "shop" {
  name       = aws_api_gateway_rest_api.shop.name
  depends_on = [aws_api_gateway_rest_api.shop]
}

data "aws_api_gateway_resource" "pet" {
  rest_api_id = aws_api_gateway_rest_api.shop.id
  path        = "/pets/{id}"
  depends_on  = [aws_api_gateway_resource.pet]
}

data "aws_api_gateway_api_key" "partner" {
  id = aws_api_gateway_api_key.partner.id
}

output "rest_api" {
  value = aws_api_gateway_rest_api.shop.id
}

output "found" {
  value = data.aws_api_gateway_rest_api.shop.id
}

output "found_resource" {
  value = data.aws_api_gateway_resource.pet.id == aws_api_gateway_resource.pet.id
}

output "found_key" {
  value     = data.aws_api_gateway_api_key.partner.value == aws_api_gateway_api_key.partner.value
  sensitive = true
}
