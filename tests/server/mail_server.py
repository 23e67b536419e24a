"""A mail server on a socket of its own, and a fixture that ends it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from email import message_from_string
from email.message import Message

import pytest


class MailServer:
    """A mail server on a socket of its own; `refuses` makes it turn every mail away."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Message]] = []
        self.said: list[str] = []
        self.refuses = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # Closing alone does not wake accept.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                link, _address = self._socket.accept()
            except OSError:
                return
            with link, link.makefile("rwb") as stream:
                self._talk(stream)

    def _talk(self, stream) -> None:  # type: ignore[no-untyped-def]
        def say(text: str) -> None:
            stream.write(f"{text}\r\n".encode())
            stream.flush()

        to: list[str] = []
        say("220 ready")
        while line := stream.readline().decode().strip():
            self.said.append(line)
            verb = line.split(" ", 1)[0].upper()
            if verb == "RCPT":
                to.append(line.partition(":")[2].strip("<> "))
            if verb == "RCPT" and self.refuses:
                say("550 no such person")
            elif verb == "AUTH":
                say("235 welcome")
            elif verb == "EHLO":
                say("250-here\r\n250 AUTH PLAIN")
            elif verb == "DATA":
                say("354 go on")
                body = []
                while (row := stream.readline().decode()) != ".\r\n":
                    body.append(row.removeprefix(".") if row.startswith("..") else row)
                self.mails.append((to, message_from_string("".join(body))))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


def text_of(mail: Message) -> str:
    return mail.get_payload(decode=True).decode()  # type: ignore[union-attr]
