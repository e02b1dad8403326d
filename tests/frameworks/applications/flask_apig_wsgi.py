"""Flask behind apig-wsgi."""

from apig_wsgi import make_lambda_handler
from flask_application import app

handler = make_lambda_handler(app, binary_support=True)
