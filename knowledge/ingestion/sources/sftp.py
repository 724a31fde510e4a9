"""An SFTP server as a file system of fsspec: known hosts only, and as ``~/.ssh/config`` says."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

from knowledge.errors import FetchError
from knowledge.ingestion.sources.addresses import Objects
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.private_hosts import checked_addresses
from knowledge.ingestion.sources.web import CONNECT_SECONDS, SILENCE_SECONDS


class KnownHostSFTP(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Connects to servers of the user's known hosts; a stalled one ends in an error."""

    cachable = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path  # a path may hold any sign

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        self.client.load_system_host_keys()
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            self.client.connect(self.host, **self.ssh_kwargs)
        except BaseException:
            self.client.close()  # its thread would go on
            raise
        self.ftp = self.client.open_sftp()
        self.ftp.get_channel().settimeout(SILENCE_SECONDS)

    def get_file(self, rpath: str, lpath: str, callback: Any = None, **_: Any) -> None:
        """Put a file of the server into a local one."""

        def report(done: int, size: int) -> None:
            callback.set_size(size)
            callback.absolute_update(done)

        self.ftp.get(rpath, lpath, callback=report, max_concurrent_prefetch_requests=64)

    def close(self) -> None:
        """Leave the server."""
        self.client.close()


def open_sftp(objects: Objects, limits: FetchLimits) -> KnownHostSFTP:
    """Connect to a server.

    Raises
    ------
    FetchError
        It is not found, in a private network, unknown to ``~/.ssh/known_hosts``, or its files are
        not there.
    """
    parts = urlsplit(f"sftp://{objects.host}")
    own = _ssh_config(parts.hostname or "")
    host, port = own.get("hostname", parts.hostname or ""), parts.port or int(own.get("port", 22))
    addresses = checked_addresses(host, port, allow_private=limits.allow_private)
    user, _, password = objects.login.partition(":")
    try:
        return KnownHostSFTP(
            host,
            port=port,
            sock=None if limits.allow_private else _connected(addresses, port),
            username=unquote(user) or own.get("user"),
            password=unquote(password) or None,
            key_filename=[os.path.expanduser(path) for path in own.get("identityfile", ())] or None,
            timeout=min(CONNECT_SECONDS, limits.seconds),
            auth_timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
        )
    except paramiko.BadHostKeyException as error:
        raise FetchError(f"{host} shows another key than the one in ~/.ssh/known_hosts") from error
    except paramiko.SSHException as error:
        if "not found in known_hosts" not in str(error):
            raise
        name = host if port == 22 else f"-p {port} {host}"
        raise FetchError(
            f"{host} is not in ~/.ssh/known_hosts", hint=f"Connect once: ssh {name}"
        ) from error


def _connected(addresses: list[str], port: int) -> Any:
    """Return a connection to the first of the checked addresses that answers."""
    import socket

    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), CONNECT_SECONDS)
        except OSError:
            continue  # the last one says why
    return socket.create_connection((addresses[-1], port), CONNECT_SECONDS)


def _ssh_config(host: str) -> dict[str, Any]:
    try:
        config = paramiko.SSHConfig.from_path(os.path.expanduser("~/.ssh/config"))
    except FileNotFoundError:
        return {}
    return dict(config.lookup(host))
