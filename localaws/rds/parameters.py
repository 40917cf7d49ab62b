"""Parameters of a family: the server's own settings as RDS shows them, RDS's own, formulas, checks."""

from __future__ import annotations

import ast
import functools
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localaws.engines.binaries import PostgresBinaries, find_all
from localaws.engines.catalogue import Setting, pg_setting_catalogue
from localaws.engines.configuration import NOT_OURS_TO_GIVE, OWN
from localaws.rds import faults

DEFAULTS = {
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_max_workers": "GREATEST({DBInstanceClassMemory/64371566592},3)",
    "autovacuum_vacuum_scale_factor": "0.1",
    "effective_cache_size": "{DBInstanceClassMemory/16384}",
    "idle_in_transaction_session_timeout": "86400000",
    "log_filename": "postgresql.log.%Y-%m-%d-%H",
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
    "log_rotation_age": "60",
    "maintenance_work_mem": "GREATEST({DBInstanceClassMemory/63963136*1024},65536)",
    "max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)",
    "max_worker_processes": "GREATEST({DBInstanceVCPU*2},8)",
    "shared_buffers": "{DBInstanceClassMemory/32768}",
    "ssl": "1",
    "track_io_timing": "1",
}
"""What RDS sets in a default parameter group, where it differs from PostgreSQL (source `system`)."""

OFFERED = range(11, 20)
"""Major versions of RDS for PostgreSQL; one without binaries here is checked against the preferred ones."""

MODELLED = frozenset({"shared_buffers", "huge_pages"})
"""Accepted and shown as on RDS; the server keeps its own small value, so that many fit on one machine."""

_FIXED = (OWN.keys() | NOT_OURS_TO_GIVE) - MODELLED
_RDS_OWNED = re.compile(
    r"(archive|recovery_target|restore_command|primary_|ssl|unix_socket|config_file|hba_file|ident_file|data_|event_"
    r"|krb_|listen_addresses|port$|log_(destination|directory|file|filename|line_prefix|rotation|truncate|timezone)"
    r"|logging_collector|syslog|fsync|full_page|wal_level|wal_sync|cluster_name|bonjour|external_pid|dynamic_library"
    r"|allow_|local_preload|io_method|synchronous_standby|zero_damaged|ignore_|debug_|trace_|restrict_|recovery_end"
    r"|jit_provider|oauth_|output_plugin|extension_control|(dynamic_shared|shared|min_dynamic_shared)_memory|p(re|ost)_auth"
    r"|send_abort|remove_temp|exit_on|backtrace|hot_standby$|superuser_reserved|transaction_(isolation|read|deferr))"
)
_RANGES = {"max_connections": "6-262143"}
"""Ranges of RDS where the server's own would let it fail to start."""
_LIBRARY_LISTS = frozenset({"shared_preload_libraries", "session_preload_libraries"})
_LIBRARIES = (
    "auto_explain",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_cron",
    "pg_hint_plan",
    "pg_tle",
    "pgaudit",
    "pglogical",
    "plrust",
    "orafce",
    "pg_bigm",
)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family."""

    name: str
    data_type: str
    apply_type: str
    description: str
    allowed: str | None = None
    default: str | None = None
    modifiable: bool = True

    def describe(self, value: str | None = None, method: str | None = None) -> dict[str, Any]:
        """The parameter as DescribeDBParameters answers it, with the group's own value when it has one."""
        own = value is not None
        return {
            "ParameterName": self.name,
            "ParameterValue": value if own else self.default,
            "Description": self.description,
            "Source": "user" if own else "engine-default" if self.default is None else "system",
            "ApplyType": self.apply_type,
            "DataType": self.data_type,
            "AllowedValues": self.allowed,
            "IsModifiable": self.modifiable,
            "ApplyMethod": method or "pending-reboot",
        }

    def check(self, value: str, method: str) -> None:
        """Refuse a value or a method that AWS refuses."""
        if not self.modifiable:
            raise faults.invalid(f"The parameter {self.name} cannot be modified.")
        if method not in ("immediate", "pending-reboot"):
            raise faults.invalid(f"Invalid apply method: {method}. Use immediate or pending-reboot.")
        if self.apply_type == "static" and method == "immediate":
            raise faults.combination("cannot use immediate apply method for static parameter")
        if not self._allows(value):
            raise faults.invalid(
                f"Invalid parameter value: {value} for: {self.name} allowed values are: {self.allowed}"
            )

    def _allows(self, value: str) -> bool:
        if self.data_type in ("integer", "float"):
            low, high = _bounds(self.allowed or "")
            try:
                return low <= self._number(value) <= high
            except ValueError:
                return False
        if not self.allowed:
            return value.isprintable()
        chosen = value.split(",") if self.data_type == "list" else [value]
        return {each.strip() for each in chosen} <= {*self.allowed.split(","), *([""] if not value else [])}

    def _number(self, value: str) -> float:
        if self.data_type == "integer" and "{" in value:
            return evaluate(value)
        return int(value) if self.data_type == "integer" else float(value)


def family_parameters(family: str) -> dict[str, Parameter] | None:
    """Every parameter of a family by name; None where this machine has no server that tells them."""
    if family.startswith("mariadb"):
        # that module builds on this one
        from localaws.rds.mariadb.parameters import of_family

        return of_family(family)
    match = re.match(r"(?:aurora-postgresql|postgres)(\d+)\Z", family)
    everything = find_all()
    if match is None or not everything or int(match[1]) not in OFFERED:
        return None
    major = int(match[1])
    binaries = next((each for each in everything if each.major == major), everything[0])
    return _parameters(binaries, major)


@functools.cache
def _parameters(binaries: PostgresBinaries, major: int) -> dict[str, Parameter]:
    found = {
        name: _from_server(name, setting, binaries)
        for name, setting in pg_setting_catalogue(binaries).items()
        if setting.modifiable
    }
    found |= {each.name: each for each in _rds_parameters(major)}
    return dict(sorted(found.items()))


def _from_server(name: str, setting: Setting, binaries: PostgresBinaries) -> Parameter:
    kinds = {"bool": "boolean", "integer": "integer", "real": "float", "enum": "string", "string": "string"}
    allowed = None
    if setting.vartype == "bool":
        allowed = "0,1"
    elif setting.vartype in ("integer", "real"):
        allowed = f"{setting.min_val}-{setting.max_val}"
    elif setting.enumvals:
        allowed = ",".join(setting.enumvals)
    kind = kinds[setting.vartype]
    if name in _LIBRARY_LISTS:
        kind, allowed = "list", ",".join(_installed(binaries))
    return Parameter(
        name=name,
        data_type=kind,
        apply_type="dynamic" if setting.dynamic else "static",
        description=setting.short_desc,
        allowed=_RANGES.get(name, allowed),
        default=DEFAULTS.get(name),
        modifiable=not (_RDS_OWNED.match(name) or name in _FIXED),
    )


def _installed(binaries: PostgresBinaries) -> list[str]:
    root = binaries.bin.parent
    present = {path.name.split(".")[0] for path in (*root.glob("lib/*.*"), *root.glob("lib/postgresql/*.*"))}
    return [name for name in _LIBRARIES if name in present]


def _rds_parameters(major: int) -> list[Parameter]:
    dynamic, static = "dynamic", "static"
    return [
        Parameter(
            "rds.force_ssl", "boolean", dynamic, "Force SSL connections.", "0,1", "1" if major >= 15 else "0"
        ),
        Parameter("rds.logical_replication", "boolean", static, "Enables logical decoding.", "0,1", "0"),
        Parameter(
            "rds.log_retention_period",
            "integer",
            dynamic,
            "Amount of time, in minutes, that logs are kept.",
            "1440-10080",
            "4320",
        ),
        Parameter(
            "rds.restrict_password_commands",
            "boolean",
            static,
            "Restricts password-related commands to members of rds_password.",
            "0,1",
            "0",
        ),
        Parameter(
            "rds.adaptive_autovacuum",
            "boolean",
            dynamic,
            "RDS parameter to enable adaptive autovacuum.",
            "0,1",
            "1",
        ),
        Parameter(
            "rds.extensions",
            "list",
            dynamic,
            "List of extensions provided by RDS.",
            None,
            None,
            modifiable=False,
        ),
    ]


def _bounds(allowed: str) -> tuple[float, float]:
    match = re.match(r"(-?[\d.e+]+)-(-?[\d.e+-]+)\Z", allowed)
    return (float(match[1]), float(match[2])) if match else (float("-inf"), float("inf"))


_OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: dict[str, Any] = {"LEAST": min, "GREATEST": max, "SUM": lambda *terms: sum(terms)}
_ANY_MACHINE = {
    "DBInstanceClassMemory": 8 * 1024**3,
    "DBInstanceVCPU": 2,
    "AllocatedStorage": 100 * 1024**3,
    "EndPointPort": 5432,
    "TrueIfReplica": 0,
}


def evaluate(formula: str, variables: Mapping[str, float] = _ANY_MACHINE) -> int:
    """Value of a formula such as `LEAST({DBInstanceClassMemory/9531392},5000)`; ValueError if it is none."""
    try:
        tree = ast.parse(formula.replace("{", "(").replace("}", ")").strip(), mode="eval")
        return int(_value(tree.body, variables))
    except (SyntaxError, TypeError, KeyError, ZeroDivisionError, OverflowError, RecursionError) as error:
        raise ValueError(f"{formula} is neither a number nor a formula") from error


def _value(node: ast.expr, variables: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return variables[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, variables)
        case ast.BinOp(left=left, op=op, right=right):
            return float(_OPERATORS[type(op)](_value(left, variables), _value(right, variables)))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return float(_FUNCTIONS[name](*(_value(each, variables) for each in arguments)))
    raise KeyError(ast.dump(node))


def server_settings(values: Mapping[str, str], variables: Mapping[str, float]) -> dict[str, str]:
    """A server's configuration: RDS's defaults and the group's values, formulas worked out."""
    merged = {name: value for name, value in DEFAULTS.items() if not _RDS_OWNED.match(name)} | dict(values)
    if values.get("rds.logical_replication") == "1":
        merged["wal_level"] = "logical"
    return {
        name: str(evaluate(value, variables)) if "{" in value else value
        for name, value in merged.items()
        if name not in MODELLED and not name.startswith("rds.")
    }
