"""Who is at the other end of a connection: a browser, or the one proxy that is trusted to speak for others."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from medkd.app.storage.account import checked_role
from medkd.errors import InputError


@dataclass(frozen=True)
class Proxy:
    """The reverse proxy in front, if there is one.

    Args:
        address: that its connections come from; None where there is no proxy.
        header: in which it names the person whom it has logged in; None where people log in here.
        create: the role in which such a person gets an account at first sight; None refuses who has none.

    Raises:
        InputError: a header without an address: anyone could send it.
    """

    address: str | None = None
    header: str | None = None
    create: str | None = None

    def __post_init__(self) -> None:
        if self.header and not self.address:
            raise InputError(
                "--proxy-header needs --proxy-address", remedy="Give the address that the proxy's connections come from"
            )
        if self.create and not self.header:
            raise InputError(
                "--proxy-create needs --proxy-header",
                remedy="Name the header in which the proxy gives the person's name",
            )
        if self.create:
            checked_role(self.create)
        if self.address and _plain(self.address) is None:
            raise InputError(
                f"'{self.address}' is no address", where="--proxy-address", remedy="Give a number such as 127.0.0.1"
            )

    def is_peer(self, connection: HTTPConnection) -> bool:
        """Whether the connection comes from the proxy itself; what its headers say of others counts only then."""
        peer = _plain(connection.client.host) if connection.client else None
        return self.address is not None and peer is not None and peer == _plain(self.address)

    def person(self, connection: HTTPConnection) -> str | None:
        """The name in the header, if it stands there once and the proxy sent it."""
        names = connection.headers.getlist(self.header or "")
        return names[0].strip() if self.is_peer(connection) and len(names) == 1 and names[0].strip() else None

    def client(self, connection: HTTPConnection) -> str:
        """The address that failed logins count against: the last one that the proxy added, or the peer's own."""
        peer = connection.client.host if connection.client else ""
        if self.is_peer(connection):
            told = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
            return told if _plain(told) else peer
        return peer

    def is_secure(self, connection: HTTPConnection) -> bool:
        """Whether the browser's end is TLS, as far as is known here; a proxy is taken to have it."""
        return self.address is not None or connection.url.scheme == "https"


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as a number; one of IPv4 within IPv6 is that of IPv4."""
    try:
        number = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return None
    return (number.ipv4_mapped or number) if isinstance(number, ipaddress.IPv6Address) else number
