"""Powertools for REST APIs, and for events of their format."""

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from powertools_routes import router

app = APIGatewayRestResolver()
app.include_router(router)


def handler(event, context):
    return app.resolve(event, context)
