"""Who may ask the studio, and for which files."""

import socket

import pytest
from starlette.testclient import TestClient

from glideslope.studio.access import names_of
from glideslope.studio.library import Library
from glideslope.studio.server import application, bound
from tests.studio.asking import HOST, TOKEN, client


@pytest.fixture
def asked(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    return TestClient(application(Library(tmp_path / "inside"), TOKEN), base_url=f"http://{HOST}")


@pytest.mark.parametrize(
    "path", ["/", "/wrong/", "/wrong", f"/{TOKEN}x", f"/{TOKEN}x/", f"//{TOKEN}/", "/api/draw", f"/{TOKEN.upper()}/"]
)
def test_without_the_token_nothing_is_answered(asked, path):
    answer = asked.get(path, follow_redirects=False)
    assert answer.status_code == 403
    assert TOKEN not in answer.text
    assert "glideslope studio --state 'LINK'" in answer.text  # a link of an earlier start has another token


def test_the_last_slash_of_the_address_may_be_left_out(asked):
    answer = asked.get(f"/{TOKEN}", follow_redirects=False)
    assert answer.headers["location"] == f"/{TOKEN}/"
    assert asked.get(f"/{TOKEN}").text == asked.get(f"/{TOKEN}/").text
    assert asked.get(f"/{TOKEN}", headers={"host": "evil.example"}, follow_redirects=False).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil:80", "[::2]:80", "10.0.0.1", "[", "a@b:c"]
)
def test_another_host_is_refused(asked, host):
    assert asked.get(f"/{TOKEN}/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "LOCALHOST:80", "[::1]:80"])
def test_this_machine_has_several_names(asked, host):
    assert asked.get(f"/{TOKEN}/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", f"http://{HOST}.evil.example", "http://127.0.0.1:8001", "", "file://"]
)
def test_another_page_is_refused(asked, origin):
    assert asked.post(f"/{TOKEN}/api/gallery", headers={"origin": origin}, content="null").status_code == 403


def test_a_server_that_listens_everywhere_is_called_by_the_names_of_its_machine(tmp_path):
    app = application(Library(tmp_path), TOKEN, names_of("0.0.0.0"))
    asking = TestClient(app, base_url="http://127.0.0.1")
    name = socket.gethostname()
    assert asking.get(f"/{TOKEN}/", headers={"host": f"{name}:80"}).status_code == 200
    assert asking.get(f"/{TOKEN}/", headers={"host": "evil.example"}).status_code == 403


def test_its_own_page_is_answered(asked):
    assert asked.post(f"/{TOKEN}/api/gallery", headers={"origin": f"http://{HOST}"}, content="null").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "uplot/../../secret.txt",
        "/etc/passwd",
        "access.py",
        "%00",
        "index.html/",
    ],
)
def test_files_of_the_page_alone_are_served(asked, path):
    answer = asked.get(f"/{TOKEN}/{path}")
    assert answer.status_code in (403, 404)
    assert "secret" not in answer.text


def test_the_page_may_ask_its_own_server_alone(asked):
    headers = asked.get(f"/{TOKEN}/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == policy["script-src"] == "'self'"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


def test_a_request_of_too_many_bytes_is_refused(tmp_path):
    answer = client(tmp_path).post("api/draw", content=b" " * 1_000_001)
    assert answer.status_code == 413
    assert "1,000,000" in answer.json()["message"]


def test_the_server_listens_on_loopback():
    with bound("127.0.0.1", 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
        with socket.create_connection(listening.getsockname(), timeout=5):
            pass
