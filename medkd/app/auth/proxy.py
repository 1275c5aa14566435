"""Reverse proxy in front of the viewer: the one address whose headers about users and clients are trusted."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from medkd.app.storage.account import checked_role
from medkd.errors import InputError

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+", re.ASCII)


@dataclass(frozen=True)
class Proxy:
    """The reverse proxy in front, if there is one.

    Args:
        address: IP address that its connections come from; None without a proxy.
        header: header with the name of the user whom the proxy has logged in; None where users log in here.
        create_role: role of the account that is added for such a user at the first request; None refuses users without
            an account.
        root_path: path below which browsers see the viewer, such as "/ecg"; "" asks the proxy's X-Forwarded-Prefix.

    Raises:
        InputError: a header without an address: anyone could send it; or a path that is none.
    """

    address: str | None = None
    header: str | None = None
    create_role: str | None = None
    root_path: str = ""

    def __post_init__(self) -> None:
        if self.header and not self.address:
            raise InputError(
                "--proxy-header needs --proxy-address", remedy="Give the address that the proxy's connections come from"
            )
        if self.create_role and not self.header:
            raise InputError(
                "--proxy-create needs --proxy-header",
                remedy="Name the header in which the proxy gives the person's name",
            )
        if self.create_role:
            checked_role(self.create_role)
        if self.address and _ip_address(self.address) is None:
            raise InputError(
                f"'{self.address}' is not an address", where="--proxy-address", remedy="Give a number such as 127.0.0.1"
            )
        if self.root_path.strip("/") and _path(self.root_path) is None:
            raise InputError(
                f"'{self.root_path}' is not a path that browsers can see",
                where="--root-path",
                remedy="Write it from the first slash, in letters, digits and -._~, such as /ecg",
            )

    def is_source_of(self, connection: HTTPConnection) -> bool:
        """Whether the connection comes from the proxy; only then do its headers count."""
        peer = _ip_address(connection.client.host) if connection.client else None
        return self.address is not None and peer is not None and peer == _ip_address(self.address)

    def remote_user(self, connection: HTTPConnection) -> str | None:
        """The user's name in the header; None unless the proxy sent it, exactly once."""
        names = connection.headers.getlist(self.header or "")
        return names[0].strip() if self.is_source_of(connection) and len(names) == 1 and names[0].strip() else None

    def prefix(self, connection: HTTPConnection) -> str:
        """Path below which the browser sees the viewer: the option's, else X-Forwarded-Prefix from the proxy; or ""."""
        if self.root_path.strip("/"):
            return _path(self.root_path) or ""
        prefixes = connection.headers.getlist("x-forwarded-prefix")
        return (_path(prefixes[0]) or "") if self.is_source_of(connection) and len(prefixes) == 1 else ""

    def client_address(self, connection: HTTPConnection) -> str:
        """The address for the lockout: the last of X-Forwarded-For from the proxy, else the connection's own."""
        peer = connection.client.host if connection.client else ""
        if self.is_source_of(connection):
            forwarded = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
            return forwarded if _ip_address(forwarded) else peer
        return peer

    def is_secure(self, connection: HTTPConnection) -> bool:
        """Whether the browser's connection is TLS; behind a proxy it is assumed to be."""
        return self.address is not None or connection.url.scheme == "https"


def _path(text: str) -> str | None:
    """A path without the slash at its end; None for anything that could lead elsewhere.

    >>> [_path(text) for text in ("/ecg/", "/portal/ecg", "ecg", "//other.host", "/../x", "/a b")]
    ['/ecg', '/portal/ecg', None, None, None, None]
    """
    path = text.strip().removesuffix("/")
    parts = path.split("/")[1:]
    return path if _PATH.fullmatch(path) and not {".", ".."}.intersection(parts) else None


def _ip_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as a number, IPv4 in IPv6 as IPv4; None if it is not an address."""
    try:
        number = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return None
    return (number.ipv4_mapped or number) if isinstance(number, ipaddress.IPv6Address) else number
