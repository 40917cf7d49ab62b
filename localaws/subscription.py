"""A subscription to an SNS topic, as the model keeps it."""

from __future__ import annotations

import logging
from typing import Any

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.sns.models import Subscription as Base

from localaws.sns import MAIL, Post, _signing_key

log = logging.getLogger(__name__)


class Subscription(Base):
    """moto's, which neither waits for an endpoint nor lets one that is gone spoil the publisher's call."""

    def publish(self, message: str, message_id: str, subject: str | None = None, **more: Any) -> None:
        """Deliver a message: to a queue now, to an HTTP endpoint soon."""
        if self.protocol not in ("http", "https"):
            try:
                super().publish(message, message_id, subject=subject, **more)
            except (ServiceException, JsonRESTError) as error:
                log.warning("SNS cannot deliver to %s: %s", self.endpoint, error)
            return
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(more.get("message_attributes"), message):
            return
        if more.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        document = self.get_post_data(message, message_id, subject, more.get("message_attributes"))
        MAIL.send(Post(self.endpoint, document, self.arn))

    def private_key(self) -> Any:
        """The key that signs messages: one for all, as making one takes long."""
        return _signing_key()
