"""What ringgate's own loops promise beyond the official clients."""

import pytest

SOURCES = {
    "embedded-python": {"app.py": "def handler(event, context):\n    return event\n"},
    "embedded-node": {"app.js": "exports.handler = async (event) => event;\n"},
}


@pytest.fixture(params=list(SOURCES))
def loop(start, request):
    def run(**options):
        return start(request.param, SOURCES[request.param], "app.handler", **options)

    return run


def test_one_connection_serves_all_events(loop):
    api, _ = loop()
    for number in range(50):
        assert api.invoke(number).json == number
    assert api.connections == 1


def test_the_api_may_lie_behind_a_path(loop):
    api, _ = loop(prefix="/worker/7")
    assert api.invoke("x").path == "/invocation/request-1/response"


def test_an_init_error_goes_behind_the_path_too(start):
    for client, files, kind in [
        ("embedded-python", {"app.py": "import nowhere\n"}, "Runtime.ImportModuleError"),
        ("embedded-node", {"app.js": "require('nowhere');\n"}, "Runtime.ImportModuleError"),
    ]:
        api, _ = start(client, files, "app.handler", prefix="/worker/7")
        assert api.post().json["errorType"] == kind


def test_a_result_that_was_too_large_does_not_end_the_worker(loop):
    api, worker = loop(statuses=[413])
    api.invoke("large")
    assert api.invoke("small").json == "small"
    assert worker.child.poll() is None


def test_a_refused_result_ends_the_worker(loop):
    api, worker = loop(statuses=[500])
    api.invoke("x")
    assert worker.ended() != 0


def test_a_worker_ends_when_the_api_is_gone(loop):
    api, worker = loop()
    api.invoke("x")
    api.events.put((None, b""))
    assert worker.ended() != 0
