"""The front doors of the databases: one thread that relays between endpoints and the engines' sockets."""

from localaws.relay.endpoint import Connection, Endpoint, Kind, Server, Tunnel
from localaws.relay.front import Front

__all__ = ["Connection", "Endpoint", "Front", "Kind", "Server", "Tunnel"]
