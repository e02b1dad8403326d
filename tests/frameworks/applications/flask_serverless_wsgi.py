"""Flask behind serverless-wsgi."""

import serverless_wsgi
from flask_application import app


def handler(event, context):
    return serverless_wsgi.handle_request(app, event, context)
