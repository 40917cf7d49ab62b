"""What may be a secret's name, value, policy and random password."""

from __future__ import annotations

import json
import re
import secrets
import string
from typing import Any

from moto.secretsmanager.exceptions import InvalidParameterException, ValidationException

from localaws.secretsmanager import faults

LARGEST = 65536
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}\Z")


def check_name(name: str) -> None:
    """Refuse names that AWS does not take."""
    if not name or not _NAME.match(name):
        raise ValidationException(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
            "-/_+=.@!"
        )


def check_value(text: str | None, binary: str | None) -> None:
    """Refuse both kinds of value together, and values that are too large."""
    if text and binary:
        raise InvalidParameterException(
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )
    if len((text or "").encode()) > LARGEST or len(binary or "") * 3 // 4 > LARGEST:
        raise InvalidParameterException(f"The secret value is too large. It holds up to {LARGEST} bytes.")


def check_all_have(field: str, parameter: str, given: list[dict[str, Any]] | None) -> None:
    """Refuse a list in whose entries a field is missing that clients do not check."""
    if any(not each.get(field) for each in given or []):
        raise InvalidParameterException(f"Each entry of {parameter} must have a {field}.")


def holds(version: dict[str, Any]) -> bool:
    """Whether a version has a value."""
    return "secret_string" in version or "secret_binary" in version


def check_policy(policy: str) -> None:
    """Refuse a resource policy that is none."""
    try:
        document = json.loads(policy)
    except ValueError:
        raise faults.malformed_policy("it is not valid JSON") from None
    if not isinstance(document, dict) or "Statement" not in document:
        raise faults.malformed_policy("it has no Statement")


def random_password(
    length: int,
    exclude_characters: str = "",
    exclude_numbers: bool = False,
    exclude_punctuation: bool = False,
    exclude_uppercase: bool = False,
    exclude_lowercase: bool = False,
    include_space: bool = False,
    require_each_included_type: bool = True,
) -> str:
    """A random password of the wanted kinds of characters, at least one of each."""
    if not 1 <= length <= 4096:
        bound = "greater than or equal to 1" if length < 1 else "less than or equal to 4096"
        raise ValidationException(
            f"1 validation error detected: Value '{length}' at 'passwordLength' failed to satisfy "
            f"constraint: Member must have value {bound}"
        )
    kinds = [
        "" if exclude_lowercase else string.ascii_lowercase,
        "" if exclude_uppercase else string.ascii_uppercase,
        "" if exclude_numbers else string.digits,
        "" if exclude_punctuation else string.punctuation,
        " " if include_space else "",
    ]
    allowed = ["".join(sorted(set(kind) - set(exclude_characters))) for kind in kinds]
    kinds = [kind for kind in allowed if kind]
    if not kinds:
        raise InvalidParameterException("No character is left. Exclude fewer characters.")
    required = [kind for kind in kinds if kind != " "] if require_each_included_type else []
    if length < max(len(required), 4 if require_each_included_type else 1):
        raise InvalidParameterException("Password length is too short based on the required types.")
    if " " in kinds and length > len(required):
        required.append(" ")
    letters = [secrets.choice(kind) for kind in required]
    letters += [secrets.choice("".join(kinds)) for _ in range(length - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)
