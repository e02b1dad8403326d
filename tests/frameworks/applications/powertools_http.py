"""Powertools for HTTP APIs."""

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from powertools_routes import router

app = APIGatewayHttpResolver()
app.include_router(router)


def handler(event, context):
    return app.resolve(event, context)
