"""Which names the server answers to.

A page of a foreign site can make a browser believe that its own name leads to this
machine (DNS rebinding); to the browser its calls are then of the same origin, and no
`Origin` gives it away. But the name does, in `Host`: one that such a site can have is
refused, unless told to be answered to.

Rules:
- no `Host`: not a browser;
- an address is no name, and a name without a dot (a container's, a service's) or below
  a domain that nobody can register cannot be a foreign site's;
- so is the machine's own name, and those in `allow_hosts`; `*` there is every name.
"""

from __future__ import annotations

import ipaddress

from headwater.server.http.exchange import Answer

PRIVATE_DOMAINS = (".localhost", ".internal", ".cluster.local")
HOSTS_REMEMBERED = 1024


class HostPolicy:
    """The names of one server."""

    def __init__(self, own_names: tuple[str, ...], allow_hosts: tuple[str, ...]) -> None:
        self._all = "*" in allow_hosts
        self._named = frozenset(name.lower().rstrip(".") for name in (*own_names, *allow_hosts))
        self.known: dict[bytes | None, bool] = {None: True}
        """By header, so that a request costs a look-up; those answered to only, and not all of them."""

    def admits(self, host: bytes | None) -> bool:
        """Whether a request with this `Host` is answered; it need not be asked about those in `known`."""
        admitted = self._all or self._is_own(_without_port(host or b"").lower().rstrip("."))
        if admitted and len(self.known) < HOSTS_REMEMBERED:
            self.known[host] = True
        return admitted

    def _is_own(self, name: str) -> bool:
        return "." not in name or name.endswith(PRIVATE_DOMAINS) or name in self._named or _is_address(name)


def unknown(host: bytes) -> Answer:
    """The answer to a request under a name that is not the server's."""
    text = (
        f"This server does not answer to the name {_without_port(host)}. "
        "Start it with --allow-host to let it.\n"
    )
    return Answer(403, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())


def _without_port(host: bytes) -> str:
    text = host.decode("latin-1")
    if text.startswith("["):
        return text.partition("]")[0][1:]
    return text.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
