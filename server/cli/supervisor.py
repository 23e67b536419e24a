"""Runs the server on one machine: gunicorn's arbiter, web processes as load demands, one worker beside them.

The arbiter imports nothing of the application, so that it stays small; web processes load it after the fork.
Idle there is one web process; under load more are started, up to the setting, because an idle process costs 70 MB.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

BUSY_SHARE = 0.6
"""Share of one core over a second from which a further web process helps."""
CALM_SECONDS = 120.0
# The waiting room needs epoll, which is Linux's; elsewhere gunicorn's own worker serves.
_WORKER = "server.cli.patience.PatientWorker" if hasattr(select, "epoll") else "gthread"
YOUNG_SECONDS = 10.0
"""A web process that loads the application is busy with itself; so long after a start nothing is concluded from that."""


class Preparation:
    """The database brought up to date in a process of its own, while the web processes already load.

    The pipe's writing end is held by that process alone: when it is gone, readers see the end of the pipe.
    """

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        subprocess.Popen([sys.executable, "-m", "server.cli.prepare"], pass_fds=(writing,))
        os.close(writing)

    def done(self, seconds: float | None = 0.0) -> bool:
        """Whether it ended; waits so many seconds for it, or as long as it takes (None)."""
        return bool(select.select([self.reading], [], [], seconds)[0])


class ChildProcess:
    """A module as a child: started, restarted with growing pauses when it dies, stopped with the server."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.module, self.arguments = module, arguments
        self.process: subprocess.Popen[bytes] | None = None
        self.pause = 0.5
        self.not_before = 0.0
        self.started = 0.0

    def keep_alive(self) -> None:
        """Starts the child if it is not running and its pause is over."""
        now = time.monotonic()
        if self.process is not None and _exists(self.process.pid):
            return
        if self.process is not None:
            self.pause = 0.5 if now - self.started > 60 else min(self.pause * 2, 30)
            self.process, self.not_before = None, now + self.pause
        if now >= self.not_before:
            command = [sys.executable, "-m", self.module, *self.arguments, "--follow-parent", str(os.getpid())]
            self.process = subprocess.Popen(command)
            self.started = now

    def stop(self, seconds: float) -> None:
        """Asks the child to finish what it does, and kills it when it has not after so many seconds."""
        if self.process is None:
            return
        pid, self.process = self.process.pid, None
        deadline = time.monotonic() + seconds
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if not _signal(pid, sign):
                return
            while time.monotonic() < deadline and _exists(pid):
                time.sleep(0.05)


def _signal(pid: int, sign: signal.Signals) -> bool:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return False
    return True


def _exists(pid: int) -> bool:
    """Whether the child lives. It is reaped here if nobody else did, since a zombie would look alive."""
    try:
        found, _status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return found == 0


class CpuMeter:
    """Share of a core that processes used since the last look, from /proc; 0 where there is no /proc."""

    def __init__(self) -> None:
        self.last: dict[int, float] = {}
        self.looked = time.monotonic()

    def busiest(self, pids: list[int]) -> float:
        """The largest share among the processes."""
        now = time.monotonic()
        used = {pid: _cpu_seconds(pid) for pid in pids}
        passed = max(now - self.looked, 0.001)
        shares = [(seconds - self.last[pid]) / passed for pid, seconds in used.items() if pid in self.last]
        self.last, self.looked = used, now
        return max(shares, default=0.0)


def _cpu_seconds(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class FieldpostArbiter(Arbiter):  # type: ignore[misc]
    """Gunicorn's arbiter that also keeps the worker and the https listener, and fits the number of web processes to the load."""

    def __init__(self, app: Server) -> None:
        self.most = app.processes
        self.worker = ChildProcess("server.worker") if app.with_worker else None
        https = ("--host", app.host, "--port", str(app.tls_port))
        self.https = ChildProcess("server.cli.tls", *https) if app.tls_port else None
        self.meter = CpuMeter()
        self.fitted = self.grown = time.monotonic()
        self.calm_since = time.monotonic()
        super().__init__(app)

    def manage_workers(self) -> None:
        """Called every second by the arbiter's loop."""
        self._fit_to_load()
        super().manage_workers()
        for child in (self.worker, self.https):
            if child is not None and self.app.prepared():
                child.keep_alive()

    def _fit_to_load(self) -> None:
        now = time.monotonic()
        if now - self.fitted < 0.5:
            return
        self.fitted = now
        share = self.meter.busiest(list(self.WORKERS))
        if share > BUSY_SHARE and now - self.grown > YOUNG_SECONDS:
            self.calm_since = now
            if self.num_workers < self.most:
                self.num_workers += 1
                self.grown = now
        elif now - self.calm_since > CALM_SECONDS and self.num_workers > 1:
            self.num_workers -= 1
            self.calm_since = now

    def stop(self, graceful: bool = True) -> None:
        """Web processes first, so that nothing new arrives; then the worker."""
        if self.https is not None:
            self.https.stop(10 if graceful else 1)
        super().stop(graceful)
        if self.worker is not None:
            self.worker.stop(10 if graceful else 1)


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our options. The application is made in each web process."""

    def __init__(
        self, host: str, port: int, processes: int, threads: int, with_worker: bool, *, tls_port: int = 0, prepares: bool = True
    ) -> None:
        self.host, self.port, self.tls_port = host, port, tls_port
        self.processes, self.threads, self.with_worker = processes, threads, with_worker
        self.preparation = Preparation() if prepares else None
        super().__init__()

    def load_config(self) -> None:
        """Many threads, because phones on poor links hold theirs long; no limit on long lists of entity ids in an address."""
        options: dict[str, Any] = {
            "bind": f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}",
            "workers": 1, "threads": self.threads, "worker_class": _WORKER,
            "worker_connections": 1000, "timeout": 120,
            "graceful_timeout": 20, "keepalive": 15, "limit_request_line": 0, "limit_request_field_size": 65536, "backlog": 512,
            # Gunicorn would believe X-Forwarded-Proto of anybody on this machine; server.proxies judges that by the setting.
            "forwarded_allow_ips": "", "secure_scheme_headers": {},
            "sendfile": False, "loglevel": "warning", "accesslog": None, "control_socket_disable": True, "proc_name": "fieldpost",
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application, in a web process."""
        from server.memory import give_memory_back, loading, spare_memory

        spare_memory()
        with loading():
            from server import create_app
            from server.extensions import db
            from server.openrosa import express
            from server.queries.forms import project
            from server.services.database import is_current

            app = create_app()
            express.install(app)
        give_memory_back()
        with app.app_context():
            # A database of this release can be used while the preparation still looks for what else is missing.
            if is_current(db.engine) and project(db.session(), 1) is not None:
                db.session.remove()
                return app
            db.session.remove()
            self.prepared(None)
            if not is_current(db.engine):
                sys.stderr.write("fieldpost: the database could not be brought up to date; see the message above\n")
                sys.exit(Arbiter.APP_LOAD_ERROR)
        return app

    def prepared(self, seconds: float | None = 0.0) -> bool:
        """Whether the database is up to date; see Preparation.done."""
        return self.preparation is None or self.preparation.done(seconds)

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT."""
        FieldpostArbiter(self).run()
