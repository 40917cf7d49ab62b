"""DynamoDB calls that were signed before they are timed: what is left is the server and the loopback."""

import http.client
import itertools
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.peers import Peer

Signed = tuple[bytes, dict[str, str]]


class Wire:
    """A connection that is kept."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._connection = http.client.HTTPConnection(urlparse(peer.url).netloc, timeout=30)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def sign(self, operation: str, document: Any) -> Signed:
        """Prepare a call; it can be sent more than once."""
        body = json.dumps(document).encode()
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
        }
        request = AWSRequest("POST", f"{self._peer.url}/", headers=headers, data=body)
        pair = Credentials(self._peer.key, self._peer.secret)
        SigV4Auth(pair, "dynamodb", "us-east-1").add_auth(request)
        return body, dict(request.headers)

    def send(self, call: Signed) -> bytes:
        """Send a call and read its answer."""
        self._connection.request("POST", "/", *call)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self._peer.name} answered {answer.status}: {said!r}")
        return said

    def turns(self, operation: str, documents: list[Any]) -> Callable[[], object]:
        """Return an action that sends the calls in turns."""
        calls = itertools.cycle([self.sign(operation, each) for each in documents])
        return lambda: self.send(next(calls))
