"""The folder in which one local AWS keeps everything it must remember."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import string
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localaws.engines.account import engine_account, private_folder, shared_folder
from localaws.errors import StateError

FORMAT = 2
UNFINISHED_SECONDS = 60.0
"""Age at which nobody writes a file any more."""
ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
PREMISES = "onprem.json"
"""The file that tells of a server outside AWS."""
OUTSIDE_IP = "203.0.113.10"
KEY_ALPHABET = string.ascii_uppercase + "234567"
SECRET_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class KeyPair:
    """An access key that may sign requests."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def generate(cls) -> KeyPair:
        """Return a new pair in the shape of AWS's own."""
        return cls(
            "AKIA" + "".join(secrets.choice(KEY_ALPHABET) for _ in range(16)),
            "".join(secrets.choice(SECRET_ALPHABET) for _ in range(40)),
        )


@dataclass(frozen=True)
class Identity:
    """What makes identifiers repeatable: a seed, and the account's birth in epoch microseconds."""

    seed: str
    born: int


class StateDir:
    """One state folder (0700); every file in it is 0600."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        self.path = path
        self.durable = durable
        self._making = threading.Lock()

    @classmethod
    def locate(cls, path: str | os.PathLike[str] | None = None) -> Path:
        """Return the folder that `path`, LOCALAWS_STATE or the user's platform names."""
        chosen = path or os.environ.get("LOCALAWS_STATE")
        if chosen:
            return Path(chosen).expanduser().absolute()
        import platformdirs

        return platformdirs.user_data_path("localaws", appauthor=False)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None) -> StateDir:
        """Open the state folder, creating it when it is new; raise StateError when it cannot be used."""
        folder = cls.locate(path)
        state = cls(folder, durable=os.environ.get("LOCALAWS_DURABILITY", "").lower() != "off")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state._check_version()
            for part in (state.journal_dir, state.snapshot_dir, state.ca_dir):
                part.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"The state folder {folder} cannot be used ({error.strerror}). "
                "Choose another with --state DIR or LOCALAWS_STATE, or repair its permissions."
            ) from error
        return state

    def _check_version(self) -> None:
        marker = self.path / "version"
        if not marker.exists():
            self.write("version", f"{FORMAT}\n")
            self.path.chmod(0o700)
            return
        found = marker.read_text().strip()
        if found != str(FORMAT):
            raise StateError(
                f"The state folder {self.path} has format {found or 'unknown'}; this localaws reads format "
                f"{FORMAT}. Use the packages that wrote it, or start afresh: move it away, or take another "
                "--state DIR."
            )
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise StateError(
                f"The state folder {self.path} is not writable. Repair its permissions or choose another "
                "with --state DIR."
            )

    @property
    def journal_dir(self) -> Path:
        """Folder of the journal's segments."""
        return self.path / "journal"

    @property
    def snapshot_dir(self) -> Path:
        """Folder of the model's snapshot."""
        return self.path / "snapshot"

    @property
    def ca_dir(self) -> Path:
        """Folder of the certificate authority: ca.pem, ca.key and bundle.pem."""
        return self.path / "ca"

    @property
    def dms_dir(self) -> Path:
        """Folder of what the migration tasks tell of themselves."""
        return self.path / "dms"

    @property
    def metrics_dir(self) -> Path:
        """Folder of the store of metrics."""
        return self.path / "metrics"

    @property
    def dynamodb_dir(self) -> Path:
        """Folder of the tables' items."""
        return self.path / "dynamodb"

    @property
    def objects_dir(self) -> Path:
        """Folder of the bytes of S3's objects."""
        return self.path / "objects"

    @property
    def redshift_dir(self) -> Path:
        """Folder of the Redshift clusters' databases."""
        return self.path / "redshift"

    @property
    def trail_dir(self) -> Path:
        """Folder of CloudTrail's records and events."""
        return self.path / "trail"

    @property
    def log_file(self) -> Path:
        """The server's own log."""
        return self.path / "server.log"

    @property
    def lock_file(self) -> Path:
        """Locked by the server and its keeper for as long as either lives."""
        return self.path / "lock"

    def write(self, name: str, text: str) -> None:
        """Replace a file of the folder at once (0600): a reader sees the old text or the new one."""
        target = self.path / name
        handle, temporary = tempfile.mkstemp(dir=self.path, prefix=f".{name}.")
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
            stream.flush()
            if self.durable:
                os.fsync(stream.fileno())
        Path(temporary).replace(target)

    def read_json(self, name: str) -> Any:
        """Return the parsed file, or None when it does not exist."""
        with contextlib.suppress(FileNotFoundError):
            return json.loads((self.path / name).read_text())
        return None

    def write_json(self, name: str, value: Any) -> None:
        """Replace a JSON file of the folder at once."""
        self.write(name, json.dumps(value, indent=1) + "\n")

    def credentials(self) -> dict[str, KeyPair]:
        """Return the key pairs `owner` and `examiner`, made at first use."""
        stored = self.read_json("credentials.json")
        if stored is None:
            made = {role: KeyPair.generate() for role in ("owner", "examiner")}
            stored = {role: vars(pair) for role, pair in made.items()}
            self.write_json("credentials.json", stored)
        return {role: KeyPair(**pair) for role, pair in stored.items()}

    def identity(self) -> Identity:
        """Return the account's seed and birth, made at first use and anew after a reset."""
        stored = self.read_json("identity.json")
        if stored is None:
            stored = {"seed": secrets.token_hex(16), "born": time.time_ns() // 1000}
            self.write_json("identity.json", stored)
        return Identity(**stored)

    @property
    def engines_root(self) -> Path:
        """Root of the engines' data: inside the state folder where the engine account can reach it."""
        account = engine_account()
        if account is None or account.may_pass(self.path):
            return private_folder(self.path / "engines", account)
        name = hashlib.sha256(str(self.path).encode()).hexdigest()[:16]
        return private_folder(shared_folder() / name, account)

    @property
    def sockets_root(self) -> Path:
        """Short folder for Unix sockets (their paths are limited to 100 bytes), one per run of the server."""
        with self._making:
            recorded = self.read_json("sockets.json")
            if recorded and Path(recorded["path"]).is_dir():
                return Path(recorded["path"])
            folder = Path(tempfile.gettempdir()) / f"la-{secrets.token_hex(4)}"
            # recorded first: whoever dies here leaves nothing that is not found
            self.write_json("sockets.json", {"path": str(folder)})
            folder.mkdir(mode=0o700)
            if account := engine_account():
                account.own(folder)
            return folder

    def clear_sockets(self) -> None:
        """Remove the socket folder that an earlier run left."""
        recorded = self.read_json("sockets.json")
        if recorded:
            shutil.rmtree(recorded["path"], ignore_errors=True)
            (self.path / "sockets.json").unlink()

    def clear_unfinished(self) -> None:
        """Remove what was being written when a process died."""
        oldest = time.time() - UNFINISHED_SECONDS
        for path in self.path.glob(".*.*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and path.stat().st_mtime < oldest:
                    path.unlink()

    def wipe(self) -> None:
        """Delete all resources and data; credentials, certificate authority, port and log stay."""
        self.clear_sockets()
        for folder in self._data_folders():
            shutil.rmtree(folder, ignore_errors=True)
        for name in (
            "identity.json",
            "addresses.json",
            "engines.json",
            "server.json",
            "zones.json",
            "sampling.json",
            "iam.json",
        ):
            (self.path / name).unlink(missing_ok=True)

    def _data_folders(self) -> Iterator[Path]:
        yield self.journal_dir
        yield self.snapshot_dir
        yield self.metrics_dir
        yield self.trail_dir
        yield self.redshift_dir
        yield self.objects_dir
        yield self.dynamodb_dir
        yield self.dms_dir
        yield self.engines_root
