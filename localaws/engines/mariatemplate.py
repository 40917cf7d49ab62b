"""Template of MariaDB: mariadb-install-db runs once, every database starts as a copy of its result."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from localaws.engines.account import engine_account, private_folder
from localaws.engines.backup import folder_at_once
from localaws.engines.cache import made_once
from localaws.engines.cluster import copy_tree
from localaws.engines.mariadb import OWN, MariaServer
from localaws.engines.mariaprograms import MariaBinaries
from localaws.engines.process import EngineFailed, run

VARIABLES = (
    "SELECT JSON_OBJECT('name', LOWER(variable_name), 'type', variable_type, 'fixed', read_only, "
    "'least', numeric_min_value, 'most', numeric_max_value, 'values', enum_value_list, "
    "'description', variable_comment) "
    "FROM information_schema.system_variables WHERE variable_scope <> 'SESSION ONLY' ORDER BY 1"
)


@dataclass(frozen=True)
class MariaTemplate:
    """A finished template: an empty data folder, and what the server says of its variables."""

    folder: Path

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def variables(self) -> list[dict[str, str | None]]:
        """The rows of information_schema.system_variables."""
        found: list[dict[str, str | None]] = json.loads((self.folder / "variables.json").read_text())
        return found


def template_for(binaries: MariaBinaries) -> MariaTemplate:
    """Return the template of these programs; a user's first call on a machine makes it (two seconds)."""
    recipe = f"{binaries.server} {binaries.server.stat().st_mtime_ns} {VARIABLES} {sorted(OWN.items())}"
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    name = f"mariadb-{binaries.version}-{digest}"
    return MariaTemplate(made_once(name, lambda folder: _build(folder, binaries)))


def _build(target: Path, binaries: MariaBinaries) -> None:
    account = engine_account()
    with tempfile.TemporaryDirectory(prefix="la-") as name:
        workshop = private_folder(Path(name), account)
        server = MariaServer(workshop, workshop / "s", binaries=binaries, durable=False)
        for folder in (server.data, server.home / "log"):
            private_folder(folder, account)
        _install(server)
        server.configure({})
        server.enter_first()
        try:
            rows = [json.loads(row) for (row,) in server.execute(VARIABLES)]
        finally:
            server.stop()
        with folder_at_once(target, None, durable=False) as made:
            copy_tree(server.data, made / "data", None)
            (made / "variables.json").write_text(json.dumps(rows))


def _install(server: MariaServer) -> None:
    command: list[object] = [
        server.binaries.install,
        "--no-defaults",
        f"--datadir={server.data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        f"--innodb-log-file-size={OWN['innodb_log_file_size']}",
    ]
    done = run(command, server.account, cwd=server.home)
    if done.returncode:
        raise EngineFailed(f"mariadb-install-db failed: {done.stderr.strip()[-500:]}")
