"""A client of the application, as a browser on this machine asks it."""

from starlette.testclient import TestClient

from glideslope.studio.library import Library
from glideslope.studio.server import application

TOKEN = "a-token"
HOST = "127.0.0.1:8000"


def client(folder, laws=None, **options):
    """A client whose paths begin after the token."""
    return TestClient(application(Library(folder, laws), TOKEN, **options), base_url=f"http://{HOST}/{TOKEN}/")
