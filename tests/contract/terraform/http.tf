# An HTTP API and a WebSocket API.

resource "aws_apigatewayv2_api" "users" {
  name          = "users-${local.which}"
  description   = local.which
  protocol_type = "HTTP"
  version       = local.which

  cors_configuration {
    allow_origins = ["https://${local.which}.example"]
    allow_methods = ["GET", "POST"]
    allow_headers = ["x-a"]
    max_age       = var.second ? 60 : 30
  }

  tags = {
    team = local.which
  }
}

resource "aws_apigatewayv2_vpc_link" "inside" {
  name               = "inside-${local.which}"
  security_group_ids = ["sg-0123456789abcdef0"]
  subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]

  tags = {
    team = local.which
  }
}

resource "aws_apigatewayv2_integration" "users" {
  api_id               = aws_apigatewayv2_api.users.id
  integration_type     = "HTTP_PROXY"
  integration_method   = "GET"
  integration_uri      = "${var.backend}/${local.which}/users/{id}"
  timeout_milliseconds = var.second ? 5000 : 30000
}

resource "aws_apigatewayv2_integration" "mapped" {
  api_id             = aws_apigatewayv2_api.users.id
  integration_type   = "HTTP_PROXY"
  integration_method = "GET"
  integration_uri    = var.backend

  request_parameters = var.second ? { "append:header.x-which" = "'second'" } : { "append:header.x-which" = "'first'", "append:header.x-old" = "'1'" }

  # The provider takes a changed status code away, and only the next plan puts it back; so none is changed.
  response_parameters {
    status_code = "404"
    mappings = {
      "overwrite:header.x-which" = "any"
    }
  }

  response_parameters {
    status_code = var.second ? "503" : "500"
    mappings = {
      "overwrite:statuscode" = "502"
    }
  }
}

resource "aws_apigatewayv2_integration" "private" {
  api_id             = aws_apigatewayv2_api.users.id
  integration_type   = "HTTP_PROXY"
  integration_method = "ANY"
  connection_type    = "VPC_LINK"
  connection_id      = aws_apigatewayv2_vpc_link.inside.id
  integration_uri    = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/a/b/c"

  tls_config {
    server_name_to_verify = "${local.which}.example"
  }
}

resource "aws_apigatewayv2_integration" "queue" {
  api_id              = aws_apigatewayv2_api.users.id
  integration_type    = "AWS_PROXY"
  integration_subtype = "SQS-SendMessage"
  credentials_arn     = local.role

  request_parameters = {
    QueueUrl    = "https://sqs.example/${local.which}"
    MessageBody = "$request.body"
  }
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                 = aws_apigatewayv2_api.users.id
  integration_type       = "AWS_PROXY"
  integration_uri        = "arn:aws:lambda:us-east-1:000000000000:function:${local.which}"
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  api_id           = aws_apigatewayv2_api.users.id
  name             = "jwt-${local.which}"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    audience = [local.which]
    issuer   = "https://issuer.example"
  }
}

resource "aws_apigatewayv2_authorizer" "function" {
  api_id                            = aws_apigatewayv2_api.users.id
  name                              = "function"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = local.function
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  authorizer_result_ttl_in_seconds  = var.second ? 0 : 60
  identity_sources                  = ["$request.header.x-token"]
}

resource "aws_apigatewayv2_route" "user" {
  api_id    = aws_apigatewayv2_api.users.id
  route_key = "GET /users/{id}"
  target    = "integrations/${aws_apigatewayv2_integration.users.id}"
}

resource "aws_apigatewayv2_route" "mapped" {
  api_id    = aws_apigatewayv2_api.users.id
  route_key = "GET /mapped"
  target    = "integrations/${aws_apigatewayv2_integration.mapped.id}"
}

resource "aws_apigatewayv2_route" "guarded" {
  api_id               = aws_apigatewayv2_api.users.id
  route_key            = "POST /guarded"
  target               = "integrations/${aws_apigatewayv2_integration.queue.id}"
  authorization_type   = var.second ? "NONE" : "JWT"
  authorizer_id        = var.second ? null : aws_apigatewayv2_authorizer.jwt.id
  authorization_scopes = var.second ? null : ["write"]
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.users.id
  name        = "$default"
  auto_deploy = true
  description = local.which

  default_route_settings {
    throttling_burst_limit = var.second ? 200 : 100
    throttling_rate_limit  = 50
  }

  route_settings {
    route_key              = aws_apigatewayv2_route.user.route_key
    throttling_burst_limit = 10
    throttling_rate_limit  = var.second ? 6 : 5
  }

  stage_variables = {
    which = local.which
  }

  access_log_settings {
    destination_arn = "arn:aws:logs:us-east-1:000000000000:log-group:users"
    format          = "$context.requestId"
  }
}

resource "aws_apigatewayv2_api" "chat" {
  name                       = "chat"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_model" "message" {
  api_id       = aws_apigatewayv2_api.chat.id
  content_type = "application/json"
  name         = "message${local.which}"
  description  = local.which
  schema = jsonencode({
    "$schema" = "http://json-schema.org/draft-04/schema#"
    title     = local.which
    type      = "object"
  })
}

resource "aws_apigatewayv2_integration" "mock" {
  api_id                        = aws_apigatewayv2_api.chat.id
  integration_type              = "MOCK"
  template_selection_expression = "200"
  passthrough_behavior          = "WHEN_NO_MATCH"

  request_templates = {
    "200" = jsonencode({ statusCode = 200, which = local.which })
  }
}

resource "aws_apigatewayv2_integration_response" "mock" {
  api_id                   = aws_apigatewayv2_api.chat.id
  integration_id           = aws_apigatewayv2_integration.mock.id
  integration_response_key = "/200/"

  response_templates = {
    "application/json" = jsonencode({ which = local.which })
  }
}

resource "aws_apigatewayv2_route" "connect" {
  api_id    = aws_apigatewayv2_api.chat.id
  route_key = "$connect"
  target    = "integrations/${aws_apigatewayv2_integration.mock.id}"

  request_parameter {
    request_parameter_key = "route.request.querystring.token"
    required              = !var.second
  }
}

resource "aws_apigatewayv2_route" "send" {
  api_id                              = aws_apigatewayv2_api.chat.id
  route_key                           = "send"
  target                              = "integrations/${aws_apigatewayv2_integration.mock.id}"
  route_response_selection_expression = "$default"
  operation_name                      = local.which
}

resource "aws_apigatewayv2_route_response" "send" {
  api_id             = aws_apigatewayv2_api.chat.id
  route_id           = aws_apigatewayv2_route.send.id
  route_response_key = "$default"

  response_models = {
    "application/json" = aws_apigatewayv2_model.message.name
  }
}

resource "aws_apigatewayv2_deployment" "chat" {
  api_id      = aws_apigatewayv2_api.chat.id
  description = local.which
  depends_on  = [aws_apigatewayv2_route.connect, aws_apigatewayv2_route.send]
}

resource "aws_apigatewayv2_stage" "chat" {
  api_id        = aws_apigatewayv2_api.chat.id
  name          = "prod"
  deployment_id = aws_apigatewayv2_deployment.chat.id

  default_route_settings {
    logging_level          = var.second ? "ERROR" : "INFO"
    data_trace_enabled     = true
    throttling_burst_limit = 10
    throttling_rate_limit  = 10
  }
}

data "aws_apigatewayv2_api" "users" {
  api_id = aws_apigatewayv2_api.users.id
}

output "http_api" {
  value = aws_apigatewayv2_api.users.id
}

output "found_endpoint" {
  value = data.aws_apigatewayv2_api.users.api_endpoint == aws_apigatewayv2_api.users.api_endpoint
}
