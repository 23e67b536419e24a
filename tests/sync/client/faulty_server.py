"""A tiny OpenRosa server that misbehaves on request: it answers, or breaks, as the test's script says."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from forms.openrosa import response as envelope


@dataclass
class Post:
    """A POST as it arrived: part names in order and their bytes."""

    parts: dict[str, bytes]


@dataclass(frozen=True)
class Answer:
    """What to answer. cut: take the body, then hang up without a word, as a lost answer looks to the phone."""

    status: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "Report received."
    cut: bool = False


@dataclass
class FaultyServer:
    """`script` gives the answer to each POST in turn, its last one for all that follow; `head` that to HEAD."""

    url: str = ""
    head: Answer = field(default_factory=lambda: Answer(204))
    script: list[Answer] = field(default_factory=lambda: [Answer()])
    posts: list[Post] = field(default_factory=list)
    heads: int = 0
    headers: list[Message] = field(default_factory=list)
    documents: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    downloads: list[str] = field(default_factory=list)

    def next_answer(self) -> Answer:
        """The answer to this POST."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Runs one on a free port of loopback."""
    state = FaultyServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/v1/key/secret/projects/1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(state: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

        def do_HEAD(self) -> None:
            state.heads += 1
            self.answer(state.head, b"")

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            state.downloads.append(path)
            make = state.documents.get(path)
            if make is None:
                self.answer(Answer(404), envelope("not here"))
                return
            self.answer(Answer(200), make())

        def do_POST(self) -> None:
            state.headers.append(self.headers)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.posts.append(Post(_parts(body, self.headers["Content-Type"])))
            answer = state.next_answer()
            if answer.cut:
                # A reset instead of a clean end: the way a radio link dies.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            self.answer(answer, envelope(answer.message))

        def answer(self, answer: Answer, body: bytes) -> None:
            self.send_response(answer.status)
            if answer.status not in {204, 304}:
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD" and answer.status not in {204, 304}:
                self.wfile.write(body)

    return Handler


def _parts(body: bytes, content_type: str) -> dict[str, bytes]:
    boundary = content_type.partition("boundary=")[2].encode()
    found = {}
    for section in body.split(b"--" + boundary)[1:-1]:
        head, _, content = section[2:-2].partition(b"\r\n\r\n")
        named = re.search(rb'name="([^"]*)"', head)
        found[named.group(1).decode() if named else ""] = content
    return found
