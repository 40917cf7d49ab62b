"""AWS KMS: moto's keys, with the states of keys and AWS's own keys."""

from __future__ import annotations


def install() -> None:
    """Register our backend with moto."""
    from moto.kms.models import kms_backends

    from localaws.kms.backend import Kms

    kms_backends.backend = Kms
