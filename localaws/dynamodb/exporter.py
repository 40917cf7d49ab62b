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
    place = view.place
    if not objects.bucket_exists(place.account_id, view.bucket):
        return Result(failure=NO_BUCKET)
    copy = folder / f"export-{view.identifier}.sqlite"
    lines = copy.with_suffix(".json.gz")
    stores.copy(place.account_id, place.region, place.table_id, copy)
    past = TableStore(copy, durable=False)
    try:
        past.undo_after(view.schema, view.moment)
        size = past.size()
        items = _write(past, lines)
    finally:
        past.close()
    for left in folder.glob(f"{copy.name}*"):
        left.unlink()
    name = hashlib.blake2b(view.identifier.encode(), digest_size=16).hexdigest()
    data = f"{view.folder}/data/{name}.json.gz"
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
        "tableId": place.table_id,
        "s3Bucket": view.bucket,
        "s3Prefix": view.folder.partition("AWSDynamoDB")[0].rstrip("/") or None,
        "manifestFilesS3Key": f"{view.folder}/manifest-files.json",
        "billedSizeBytes": size,
        "itemCount": items,
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    }
    put: dict[str, bytes | Path] = {
        f"{view.folder}/_started": b"",
        data: lines,
        f"{view.folder}/manifest-files.json": json.dumps(files).encode() + b"\n",
        f"{view.folder}/manifest-summary.json": json.dumps(summary).encode(),
    }
    done = [objects.put(control, place.account_id, view.bucket, key, body) for key, body in put.items()]
    return Result(items, size) if all(done) else Result(failure=NO_BUCKET)


def _write(store: TableStore, target: Path) -> int:
    number = 0
    with gzip.open(target, "wt") as stream, store.rows(Range()) as rows:
        for row in rows:
            stream.write(json.dumps({"Item": row.record.item}, separators=(",", ":")) + "\n")
            number += 1
    return number
