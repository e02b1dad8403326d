"""Workers of tests, ended with them."""

import pytest
from worker import RuntimeApi, Worker


@pytest.fixture
def start(tmp_path):
    """Starts a worker: `api, worker = start(client, {"app.py": "…"}, "app.handler")`."""
    started = []

    def start(client, files, handler, prefix="", statuses=None, **environment):
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        api = RuntimeApi(prefix, statuses)
        worker = Worker(client, tmp_path, api, handler, environment)
        started.append((api, worker))
        return api, worker

    yield start
    for api, worker in started:
        worker.output()
        api.events.put((None, b""))
        api.close()
