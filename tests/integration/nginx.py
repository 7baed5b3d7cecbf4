"""nginx as a reverse proxy that gives every server a path prefix and sends the usual proxy headers."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from .servers import HOST, START_SECONDS, STOP_SECONDS, StartError, executable, free_port

# TLS is taken to end at the proxy, so the scheme that it announces is https.
CONFIGURATION = """\
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen {host}:{port};
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_set_header Host $proxy_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto https;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Prefix $prefix;
{locations}
    }}
}}
"""
LOCATION = "        location /{name}/ {{ set $prefix /{name}; proxy_pass http://{host}:{port}/; }}"


class Nginx:
    """One nginx process before several servers."""

    def __init__(self, directory: Path, upstreams: Mapping[str, int]) -> None:
        self.port = free_port()
        self.log = directory / "log"
        self._directory = directory
        self._upstreams = upstreams
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write the configuration, start nginx and wait until it listens."""
        locations = "\n".join(
            LOCATION.format(name=name, host=HOST, port=port) for name, port in self._upstreams.items()
        )
        configuration = self._directory / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(directory=self._directory, host=HOST, port=self.port, locations=locations)
        )
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [executable("nginx") or "nginx", "-e", str(self.log), "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StartError(f"nginx did not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop nginx."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
            return True
        return False
