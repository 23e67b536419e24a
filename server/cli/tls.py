"""The https listener of `fieldpost serve --tls`: a second, small server beside the plain one, started and watched by it.

Runs as `python -m server.cli.tls --host H --port P --follow-parent PID`.
"""

from __future__ import annotations

import argparse
import os
import signal

from server.cli.supervisor import FieldpostArbiter, Server
from server.cli.tls_sockets import context_for
from server.config import load_settings
from server.services.local_ca import Files


class TlsArbiter(FieldpostArbiter):
    """Ends with the server that started it, however that ended."""

    def manage_workers(self) -> None:
        """Called every second by the arbiter's loop."""
        super().manage_workers()
        if os.getppid() != self.app.parent:
            os.kill(os.getpid(), signal.SIGTERM)


class TlsServer(Server):
    """One web process behind https. The plain server prepares the database before it starts this one."""

    def __init__(self, host: str, port: int, threads: int, files: Files, parent: int) -> None:
        self.files, self.parent = files, parent
        super().__init__(host, port, 1, threads, with_worker=False, prepares=False)

    def load_config(self) -> None:
        """The plain server's, with a certificate."""
        super().load_config()
        self.cfg.set("certfile", str(self.files.certificate))
        self.cfg.set("keyfile", str(self.files.key))
        self.cfg.set("ssl_context", context_for)
        self.cfg.set("proc_name", "fieldpost-tls")

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT, or until the parent is gone."""
        TlsArbiter(self).run()


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--follow-parent", type=int, required=True)
    told = parser.parse_args()
    settings = load_settings()
    files = Files.of(settings.data_dir)
    TlsServer(told.host, told.port, settings.web_threads, files, told.follow_parent).run()


if __name__ == "__main__":
    main()
