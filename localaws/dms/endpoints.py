"""Endpoints: what a request may say, how an endpoint is shown, and how one logs in with it.

AWS: "CreateEndpoint", "Using AWS Secrets Manager with AWS DMS".
"""

from __future__ import annotations

import json
import re
from typing import Any

from localaws.bridge import backends
from localaws.dms import catalogue, faults
from localaws.dms.models import Endpoint
from localaws.dms.route import MODES, Access
from localaws.dms.tables import TaskFailed
from localaws.network import Interface

SETTINGS = {
    **dict.fromkeys(catalogue.POSTGRES, "PostgreSQLSettings"),
    **dict.fromkeys(catalogue.MYSQL, "MySQLSettings"),
}
PLACES = ("ServerName", "Port", "Username", "Password", "DatabaseName")
_IDENTIFIER = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
SHOWN = (
    "Username",
    "ServerName",
    "Port",
    "DatabaseName",
    "ExtraConnectionAttributes",
    "KmsKeyId",
    "CertificateArn",
    "ServiceAccessRoleArn",
)


def check_identifier(name: str, value: str | None, longest: int) -> str:
    """Return an identifier in lower case; AWS's fault when it is none."""
    if not value or len(value) > longest or not _IDENTIFIER.fullmatch(value):
        raise faults.invalid(
            f"The parameter {name} is not a valid identifier because it is not formed correctly. "
            "Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; "
            "and must not end with a hyphen or contain two consecutive hyphens."
        )
    return value.lower()


def checked(asked: dict[str, Any]) -> tuple[str, str]:
    """Return type and engine of a request whose values go together."""
    kind = str(asked.get("EndpointType") or "").lower()
    engine = str(asked.get("EngineName") or "").lower()
    if kind not in ("source", "target"):
        raise faults.invalid("Invalid endpoint type. EndpointType must be source or target.")
    if engine in catalogue.ELSEWHERE:
        raise faults.unsupported(
            f"This local AWS has no {engine} endpoints. Sources are {', '.join(catalogue.DISPLAY)}; targets "
            f"are {', '.join(catalogue.POSTGRES)}."
        )
    if engine not in SETTINGS:
        raise faults.invalid(f"Invalid EngineName {engine!r}. Use one of {', '.join(catalogue.DISPLAY)}.")
    if asked.get("SslMode", "none") not in MODES:
        raise faults.invalid(f"Invalid SslMode. Use one of {', '.join(MODES)}.")
    _check_secret(asked, engine)
    return kind, engine


def _check_secret(asked: dict[str, Any], engine: str) -> None:
    own = asked.get(SETTINGS[engine]) or {}
    given = {key for key in PLACES if asked.get(key) not in (None, "") or own.get(key) not in (None, "")}
    if own.get("SecretsManagerSecretId"):
        if not own.get("SecretsManagerAccessRoleArn"):
            raise faults.combination(
                "SecretsManagerAccessRoleArn is required with SecretsManagerSecretId: the role that lets DMS "
                "read the secret."
            )
        doubled = sorted(given - {"DatabaseName"})
        if doubled:
            raise faults.combination(
                f"{doubled[0]} cannot be given together with SecretsManagerSecretId: the secret has it."
            )
        needed = {"DatabaseName"} if engine in catalogue.POSTGRES else set()
    else:
        needed = {"ServerName", "Port", "Username", "Password"}
        needed |= {"DatabaseName"} if engine in catalogue.POSTGRES else set()
    missing = sorted(needed - given)
    if missing:
        raise faults.combination(f"{missing[0]} is required for an endpoint of the engine {engine}.")


def describe(endpoint: Endpoint) -> dict[str, Any]:
    """Return the Endpoint of an answer, without any password."""
    shown = {key: endpoint.asked.get(key) for key in SHOWN if endpoint.asked.get(key) not in (None, "")}
    name = SETTINGS[endpoint.engine]
    own = {key: value for key, value in (endpoint.asked.get(name) or {}).items() if key != "Password"}
    if "SecretsManagerSecretId" not in own:
        own |= {key: shown[key] for key in ("ServerName", "Port", "Username", "DatabaseName") if key in shown}
    if endpoint.engine in catalogue.MYSQL:
        own.pop("DatabaseName", None) if "DatabaseName" not in shown else None
    return shown | {
        "EndpointIdentifier": endpoint.identifier,
        "EndpointArn": endpoint.arn,
        "EndpointType": endpoint.kind.upper(),
        "EngineName": endpoint.engine,
        "EngineDisplayName": catalogue.DISPLAY[endpoint.engine],
        "Status": endpoint.status,
        "SslMode": endpoint.asked.get("SslMode", "none"),
        name: own,
    }


def access(backend: Any, endpoint: Endpoint, interface: Interface) -> Access:
    """Return how to log in; TaskFailed when the endpoint's secret does not tell."""
    own = endpoint.asked.get(SETTINGS[endpoint.engine]) or {}
    found = {key: own.get(key) or endpoint.asked.get(key) for key in PLACES}
    if own.get("SecretsManagerSecretId"):
        found |= _secret(backend, str(own["SecretsManagerSecretId"]))
    return Access(
        identifier=endpoint.identifier,
        engine=endpoint.engine,
        host=str(found["ServerName"] or ""),
        port=int(found["Port"] or catalogue.PORTS[endpoint.engine]),
        user=str(found["Username"] or ""),
        password=str(found["Password"] or ""),
        database=str(found["DatabaseName"] or ""),
        ssl_mode=str(endpoint.asked.get("SslMode", "none")),
        interface=interface,
        account_id=backend.account_id,
        region=backend.region_name,
        after_connect=str(
            own.get("AfterConnectScript") or attributes(endpoint).get("afterconnectscript", "")
        ),
    )


def attributes(endpoint: Endpoint) -> dict[str, str]:
    """Return the ExtraConnectionAttributes, names in lower case."""
    text = str(endpoint.asked.get("ExtraConnectionAttributes") or "")
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def slot_name(endpoint: Endpoint) -> str:
    """The replication slot that the endpoint's settings name, or an empty text."""
    own = endpoint.asked.get(SETTINGS[endpoint.engine]) or {}
    return str(own.get("SlotName") or attributes(endpoint).get("slotname", ""))


def _secret(backend: Any, name: str) -> dict[str, Any]:
    secrets = backends.load("secretsmanager")[backend.account_id][backend.region_name].secrets
    secret = secrets.get(name) if name in secrets else None
    if secret is None:
        raise TaskFailed(f"The secret {name} of the endpoint cannot be found in Secrets Manager.")
    current = [each for each in secret.versions.values() if "AWSCURRENT" in each["version_stages"]]
    try:
        value = json.loads(current[0]["secret_string"])
        return {
            "ServerName": value["host"],
            "Port": value["port"],
            "Username": value["username"],
            "Password": value["password"],
        }
    except (IndexError, KeyError, TypeError, ValueError):
        raise TaskFailed(
            f"The secret {name} of the endpoint must be JSON with the keys username, password, host and port."
        ) from None
