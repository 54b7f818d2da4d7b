"""nginx in front of the service, as people set it up."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from socket import create_connection

from tests.support.ports import free_port
from tests.support.service_process import wait_for

CONFIG = """
user {user}; # nginx ignores it unless root starts it; its workers must reach the directory
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{service_port};
      proxy_http_version 1.1;
      {lines}
    }}
  }}
}}
"""
KEEP_ALIVE = 'proxy_set_header Connection "";'
WEBSOCKET = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
"""The lines that every tutorial on WebSocket has."""


@contextmanager
def proxy(directory: Path, service_port: int, lines: str) -> Iterator[int]:
    """Run nginx in front of the service with these lines; yield its port."""
    port = free_port()
    directory.mkdir()
    config = directory / "nginx.conf"
    config.write_text(
        CONFIG.format(user=getuser(), directory=directory, port=port, service_port=service_port, lines=lines)
    )
    process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(directory)])
    try:
        wait_for(lambda: listens(port), "nginx listens")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
