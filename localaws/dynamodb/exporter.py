"""Puts the objects of an export into its bucket: gzipped lines of DynamoDB's JSON, and two manifests."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.dynamodb.store import Range, TableStore
from localaws.s3 import objects

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.dynamodb.stores import Stores
    from localaws.dynamodb.view import ExportView

NO_BUCKET = ("S3NoSuchBucket", "The specified bucket does not exist")


@dataclass(frozen=True)
class Result:
    """What was exported, or why nothing was."""

    items: int = 0
    size: int = 0
    failure: tuple[str, str] | None = None


def export(control: ControlPlane, stores: Stores, folder: Path, view: ExportView) -> Result:
    """Write the items as they were at the export's moment; doing it again replaces the same objects."""
    account = view.place.account_id
    if not objects.bucket_exists(account, view.bucket):
        return Result(failure=NO_BUCKET)
    lines = folder / f"export-{view.identifier}.json.gz"
    items, size = _collect(stores, view, lines)
    made = _objects(view, lines, items, size)
    done = [objects.put(control, account, view.bucket, key, body) for key, body in made.items()]
    lines.unlink(missing_ok=True)
    return Result(items, size) if all(done) else Result(failure=NO_BUCKET)


def _collect(stores: Stores, view: ExportView, lines: Path) -> tuple[int, int]:
    """Write the lines; how many items there were, and their bytes."""
    place = view.place
    copy = lines.with_name(f"export-{view.identifier}.sqlite")
    stores.copy(place.account_id, place.region, place.table_id, copy)
    past = TableStore(copy, durable=False)
    try:
        past.undo_after(view.schema, view.moment)
        return _write(past, lines), past.size()
    finally:
        past.close()
        for left in copy.parent.glob(f"{copy.name}*"):
            left.unlink()


def _write(store: TableStore, target: Path) -> int:
    number = 0
    with gzip.open(target, "wt") as stream, store.rows(Range()) as rows:
        for row in rows:
            stream.write(json.dumps({"Item": row.record.item}, separators=(",", ":")) + "\n")
            number += 1
    return number


def _objects(view: ExportView, lines: Path, items: int, size: int) -> dict[str, bytes | Path]:
    """The objects by their keys; the manifests come last, as a sign that the data are there."""
    name = hashlib.blake2b(view.identifier.encode(), digest_size=16).hexdigest()
    data, manifest = f"{view.folder}/data/{name}.json.gz", f"{view.folder}/manifest-files.json"
    md5 = hashlib.md5(lines.read_bytes(), usedforsecurity=False)
    files = {
        "itemCount": items,
        "md5Checksum": base64.b64encode(md5.digest()).decode(),
        "etag": md5.hexdigest(),
        "dataFileS3Key": data,
    }
    summary = {
        "version": "2020-06-30",
        "exportArn": view.arn,
        "tableArn": view.schema.arn,
        "tableId": view.place.table_id,
        "s3Bucket": view.bucket,
        "s3Prefix": view.folder.partition("AWSDynamoDB")[0].rstrip("/") or None,
        "manifestFilesS3Key": manifest,
        "billedSizeBytes": size,
        "itemCount": items,
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    }
    return {
        f"{view.folder}/_started": b"",
        data: lines,
        manifest: json.dumps(files).encode() + b"\n",
        f"{view.folder}/manifest-summary.json": json.dumps(summary).encode(),
    }
