"""COPY from S3 and UNLOAD to S3.

AWS: "COPY" and "UNLOAD" in the Amazon Redshift Database Developer Guide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from localaws.redshift.faults import SqlError

_COPY = re.compile(
    r"copy\s+(?P<table>[\w.\"]+)\s*(?:\((?P<columns>[^)]*)\))?\s*from\s+'s3://(?P<bucket>[^/']+)/?(?P<prefix>[^']*)'(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_UNLOAD = re.compile(
    r"unload\s*\(\s*(?:'(?P<quoted>(?:[^']|'')*)'|\$\$(?P<dollars>.*?)\$\$)\s*\)\s*to\s+"
    r"'s3://(?P<bucket>[^/']+)/?(?P<prefix>[^']*)'(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_ALLOWED = re.compile(r"\b(iam_role|credentials|access_key_id)\b", re.IGNORECASE)
_CREDENTIALS = re.compile(
    r"(iam_role|credentials|access_key_id|secret_access_key)\s+('[^']*'|default)", re.IGNORECASE
)
_FORMATS = ("parquet", "json", "csv")
_TEXT = "text"


@dataclass(frozen=True)
class Options:
    """How files are written or read."""

    format: str
    delimiter: str
    skip: int
    header: bool
    gzip: bool
    quote: str
    null: str | None
    overwrite: bool
    single: bool


@dataclass(frozen=True)
class Copy:
    """Loads what begins with a prefix into a table."""

    table: str
    columns: tuple[str, ...]
    bucket: str
    prefix: str
    options: Options


@dataclass(frozen=True)
class Unload:
    """Writes a query's rows to a prefix."""

    query: str
    bucket: str
    prefix: str
    options: Options


def parse(sql: str) -> Copy | Unload | None:
    """Return the COPY or UNLOAD that a statement is, or None when it is another."""
    text = sql.strip().rstrip(";")
    if re.match(r"copy\b", text, re.IGNORECASE):
        return _copy(text)
    if re.match(r"unload\b", text, re.IGNORECASE):
        return _unload(text)
    return None


def _copy(text: str) -> Copy:
    found = _COPY.fullmatch(text)
    if found is None:
        raise SqlError("COPY must be: COPY table FROM 's3://bucket/prefix' IAM_ROLE … [FORMAT …].")
    _check_allowed(found["rest"])
    columns = tuple(name.strip().strip('"') for name in (found["columns"] or "").split(",") if name.strip())
    return Copy(
        found["table"].replace('"', ""), columns, found["bucket"], found["prefix"], _options(found["rest"])
    )


def _unload(text: str) -> Unload:
    found = _UNLOAD.fullmatch(text)
    if found is None:
        raise SqlError("UNLOAD must be: UNLOAD ('select …') TO 's3://bucket/prefix' IAM_ROLE ….")
    _check_allowed(found["rest"])
    query = found["dollars"] if found["dollars"] is not None else found["quoted"].replace("''", "'")
    return Unload(query, found["bucket"], found["prefix"], _options(found["rest"]))


def _check_allowed(rest: str) -> None:
    if not _ALLOWED.search(rest):
        raise SqlError("S3 needs credentials: add IAM_ROLE default, or IAM_ROLE and the role's ARN.")


def _options(rest: str) -> Options:
    words = _CREDENTIALS.sub(" ", rest)
    low = re.sub(r"'[^']*'", "''", words.lower())
    if re.search(r"\b(avro|orc|fixedwidth|shapefile)\b", low):
        raise SqlError("Of formats there are text, CSV, JSON and PARQUET in this local AWS.")
    chosen = next((name for name in _FORMATS if re.search(rf"\b{name}\b", low)), _TEXT)
    skip = re.search(r"\bignoreheader\s+(?:as\s+)?(\d+)", low)
    return Options(
        format=chosen,
        delimiter=_quoted(words, "delimiter") or ("," if chosen == "csv" else "|"),
        skip=int(skip[1]) if skip else 0,
        header=bool(re.search(r"\bheader\b", low)),
        gzip=bool(re.search(r"\bgzip\b", low)),
        quote=_quoted(words, "quote") or '"',
        null=_quoted(words, "null"),
        overwrite=bool(re.search(r"\b(allowoverwrite|cleanpath)\b", low)),
        single=bool(re.search(r"\bparallel\s+(off|false)\b", low)),
    )


def _quoted(text: str, word: str) -> str | None:
    found = re.search(rf"\b{word}\s+(?:as\s+)?'((?:[^']|'')*)'", text, re.IGNORECASE)
    if found is None:
        return None
    return {"\\t": "\t", "\\N": "\\N"}.get(found[1], found[1].replace("''", "'"))


def reading(options: Options, files: list[str], columns: list[tuple[str, str]]) -> str:
    """Return DuckDB's FROM for files whose rows have these columns (name, type)."""
    listed = f"[{', '.join(map(text_of, files))}]"
    if options.format == "parquet":
        return f"read_parquet({listed})"
    if options.format == "json":
        pairs = ", ".join(f"{text_of(name)}: {text_of(kind)}" for name, kind in columns)
        return (
            f"read_json({listed}, columns = {{{pairs}}}, format = 'auto', compression = '{_packed(options)}')"
        )
    pairs = ", ".join(f"{text_of(name)}: 'VARCHAR'" for name, _ in columns)
    null = "" if options.null is None else f", nullstr = {text_of(options.null)}"
    quote = text_of(options.quote) if options.format == "csv" else "''"
    return (
        f"read_csv({listed}, columns = {{{pairs}}}, auto_detect = false, header = false, "
        f"skip = {options.skip}, delim = {text_of(options.delimiter)}, quote = {quote}, escape = {quote}, "
        f"compression = '{_packed(options)}'{null})"
    )


def _packed(options: Options) -> str:
    return "gzip" if options.gzip else "none"


def writing(options: Options) -> str:
    """Return DuckDB's options of COPY TO."""
    if options.format == "parquet":
        return "(FORMAT parquet)"
    if options.format == "json":
        return f"(FORMAT json, COMPRESSION '{_packed(options)}')"
    quote = '"' if options.format == "csv" else ""
    return (
        f"(FORMAT csv, HEADER {str(options.header).lower()}, DELIMITER {text_of(options.delimiter)}, "
        f"QUOTE '{quote}', ESCAPE '{quote}', COMPRESSION '{_packed(options)}')"
    )


def object_name(unload: Unload) -> str:
    """Return the key of what UNLOAD writes: one file, as of one slice."""
    ends = {"parquet": ".parquet", "json": ".json", "csv": ".csv"}
    packed = ".gz" if unload.options.gzip and unload.options.format != "parquet" else ""
    number = "000" if unload.options.single else "0000_part_00"
    ending = ends[unload.options.format] if unload.options.format in ("parquet", "json") else ""
    return f"{unload.prefix}{number}{ending}{packed}"


def text_of(value: str) -> str:
    """Return a string of SQL."""
    return "'" + value.replace("'", "''") + "'"
