"""An S3 server on loopback, and an SFTP server of a folder."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from pathlib import Path

import paramiko
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"  # moto's own


class Bucket(logging.Handler):
    """A bucket ``docs`` of moto's server; ``requests`` are such as ``GET /docs/a``."""

    def __init__(self) -> None:
        super().__init__()
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self.requests: list[str] = []
        self._backend = s3_backends[ACCOUNT]["aws"]
        self._backend.create_bucket("docs", "us-east-1")
        self._log = logging.getLogger("werkzeug")
        self._log.addHandler(self)
        self._log.propagate = False
        self._log.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        self.requests.append(record.getMessage().partition('"')[2].partition(" HTTP/")[0])

    def put(self, objects: dict[str, str | bytes]) -> None:
        for key, text in objects.items():
            content = text.encode() if isinstance(text, str) else text
            self._backend.put_object("docs", key, content)

    def delete(self, *keys: str) -> None:
        for key in keys:
            self._backend.delete_object("docs", key)

    def archive(self, key: str) -> None:
        """Move an object to where it can't be read from."""
        self._backend.get_object("docs", key).set_storage_class("GLACIER")

    def empty(self) -> None:
        self.delete(*self._backend.buckets["docs"].keys)
        self.requests.clear()

    def fetched(self) -> list[str]:
        """Return the keys that were asked for since the last call."""
        gets = [line for line in self.requests if "GET /docs/" in line]
        self.requests.clear()
        return sorted(line.partition("/docs/")[2] for line in gets)

    def close(self) -> None:
        self._log.removeHandler(self)
        self._server.stop()


class SFTPServer:
    """Serves a folder to a user ``ana`` with the password ``pa@ss``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = paramiko.ECDSAKey.generate()
        self.fetched: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._open: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def known_host(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}\n"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                transport = paramiko.Transport(self._socket.accept()[0])
                transport.add_server_key(self.key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, served=self)
                transport.start_server(server=_Login())
                self._open.append(transport)

    def close(self) -> None:
        self._socket.close()
        for transport in self._open:
            transport.close()


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username, password):
        known = (username, password) == ("ana", "pa@ss")
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server, *args, served, **kwargs):
        super().__init__(server, *args, **kwargs)
        self.served = served

    def _path(self, path):
        return str(self.served.folder / self.canonicalize(path).lstrip("/"))

    def list_folder(self, path):
        try:
            with os.scandir(self._path(path)) as entries:
                return [
                    paramiko.SFTPAttributes.from_stat(one.stat(follow_symlinks=False), one.name)
                    for one in entries
                ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._path(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path, flags, attr):
        self.served.fetched.append(path)
        try:
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = open(self._path(path), "rb")  # noqa: SIM115  closed by the handle
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        handle.stat = lambda: self.stat(path)
        return handle
