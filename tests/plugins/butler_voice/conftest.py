"""A stand-in for a service that makes text of speech."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Service:
    """Says what it is told to say.

    Attributes:
        answer: What it answers: an object, or bytes.
        status: The HTTP status.
        requests: The bodies of the requests, with their headers.
    """

    def __init__(self):
        self.answer = {"text": ""}
        self.status = 200
        self.requests = []
        self.is_silent = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append((self.path, self.headers, body))
                if service.is_silent.is_set():
                    service.ended.wait(20)
                    return
                given = service.answer
                data = given if isinstance(given, bytes) else json.dumps(given).encode()
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Say nothing."""

        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def says(self, text, no_speech=0.01):
        """Answer with a text, of which it is sure or not."""
        segment = {"text": text, "no_speech_prob": no_speech}
        self.answer = {"text": text, "segments": [segment]}

    def stop(self):
        """End it."""
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service(monkeypatch):
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    service = Service()
    yield service
    service.stop()
