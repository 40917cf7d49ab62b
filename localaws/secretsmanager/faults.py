"""Errors of Secrets Manager that moto does not have."""

from __future__ import annotations

from moto.secretsmanager.exceptions import InvalidRequestException, SecretsManagerClientError


class SecretsFault(SecretsManagerClientError):
    """An error with AWS's code."""


def deleted() -> InvalidRequestException:
    """The secret waits for its deletion."""
    return InvalidRequestException(
        "You can't perform this operation on the secret because it was marked for deletion. "
        "You tried to perform the operation on a secret that's currently marked deleted."
    )


def managed() -> InvalidRequestException:
    """Another service owns the secret."""
    return InvalidRequestException(
        "The secret is managed by another service, and you must use that service to update it."
    )


def without_function() -> InvalidRequestException:
    """Nobody said which function rotates."""
    return InvalidRequestException(
        "You tried to enable rotation on a secret that doesn't already have a Lambda function ARN configured "
        "and you didn't include such an ARN as a parameter in this call."
    )


def unfinished() -> InvalidRequestException:
    """AWSPENDING is on a version that is not the current one."""
    return InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")


def not_invocable() -> SecretsFault:
    """The function's policy does not name Secrets Manager."""
    return SecretsFault(
        "AccessDeniedException",
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
        "access to the principal secretsmanager.amazonaws.com.",
    )


def encryption(reason: str) -> SecretsFault:
    """The KMS key cannot be used to write."""
    return SecretsFault(
        "EncryptionFailure",
        "Secrets Manager can't encrypt the protected secret text using the provided KMS key. "
        f"Check that the KMS key is available, enabled, and not in an invalid state: {reason}.",
    )


def decryption(reason: str) -> SecretsFault:
    """The KMS key cannot be used to read."""
    return SecretsFault(
        "DecryptionFailure",
        f"Secrets Manager can't decrypt the protected secret text using the provided KMS key: {reason}.",
    )


def malformed_policy(reason: str) -> SecretsFault:
    """The resource policy is none."""
    return SecretsFault("MalformedPolicyDocumentException", f"This resource policy is malformed: {reason}")
