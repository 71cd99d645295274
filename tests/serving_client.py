"""A server in a process of its own, a client for it, and models to serve."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.parse
from types import SimpleNamespace

from xmlc_mhe import XMLCClassifier

ODD_NAMES = ['<script>alert("label")</script>', "'\"&amp;", "\x1b[31mred", "\u202eright to left", "größe 𝔊"]
# A request whose last two bytes are to come: "=" and a letter
HALF = b"POST /v1/projects/model/suggest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\ntext"


def fit_other(folder, *, overwrite=False):
    """Save a model that knows one label of another name in the folder."""
    texts = [f"word{doc % 3}" for doc in range(30)]
    XMLCClassifier(threads=1, rank=False).fit(texts, [[f"other {doc % 3}"] for doc in range(30)]).save(
        folder, overwrite=overwrite
    )


class Client:
    """Requests to one server over a connection that is kept."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.connection = http.client.HTTPConnection(host, port, timeout=60)

    def ask(self, method, path, *, form=None, value=None, body=None, headers=None):
        """Return status, headers and value of an answer."""
        headers = dict(headers or {})
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if value is not None:
            body = json.dumps(value)
            headers.setdefault("Content-Type", "application/json")
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        content = answer.read()
        is_json = "json" in (answer.getheader("content-type") or "")
        return SimpleNamespace(
            status=answer.status, headers=answer.headers, value=json.loads(content) if is_json else content.decode()
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def suggest(self, text, project="model", **fields):
        return self.ask("POST", f"/v1/projects/{project}/suggest", form={"text": text, **fields})


@contextlib.contextmanager
def serving(*arguments, environment=None):
    """Start `xmlc-mhe serve` at a free port; it is ready when it has said its address. Yield process, client, log."""
    command = [sys.executable, "-m", "xmlc_mhe.cli", "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}, errors="replace"
    )
    log, has_line = [], threading.Condition()

    def read():
        for line in process.stderr:
            with has_line:
                log.append(line)
                has_line.notify_all()
        with has_line:
            log.append("")
            has_line.notify_all()

    def wait_for_line(pattern):
        """Return the match of the first line of the log, written or to come, that has a pattern."""
        found = lambda: next(filter(None, (re.search(pattern, line) for line in log)), None)  # noqa: E731
        with has_line:
            has_line.wait_for(lambda: found() or "" in log, timeout=120)
            assert found(), f"no {pattern} in {log}"
            return found()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    client = Client("127.0.0.1", 0)
    try:
        client.connection.port = client.port = int(wait_for_line(r"http://127\.0\.0\.1:(\d+)/")[1])
        yield SimpleNamespace(process=process, port=client.port, client=client, log=log, wait_for_line=wait_for_line)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in (0, -signal.SIGKILL)
        reader.join(timeout=60)
        process.stderr.close()
        client.connection.close()
