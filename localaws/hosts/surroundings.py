"""What a host's process finds: a small environment, the Python of the local AWS, and an unprivileged account.

Where the server is root, its processes are handed to the account of the database servers, provided that this
account can run the Python of the local AWS. Otherwise they have the rights of whoever started the local AWS.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.engines.account import Account, engine_account

if TYPE_CHECKING:
    from localaws.state import StateDir


def account() -> Account | None:
    """Return the account to drop to, or None to stay."""
    found = engine_account()
    return found if found is not None and found.may_enter(Path(sys.executable)) else None


def environment(home: Path) -> dict[str, str]:
    """Return the variables of a process whose home this is: nothing of the server's own but PATH."""
    path = os.environ.get("PATH", os.defpath)
    return {
        # python3 is the one that has boto3 and the database drivers
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), path]),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        # there is no metadata service: an SDK without credentials shall not look for it
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def connections(state: StateDir, region: str, folder: Path) -> dict[str, str]:
    """Return the variables that lead an SDK to this local AWS and a database client to its certificates.

    The certificates are copied into the folder, as the account may not enter the state's.
    """
    port = (state.path / "port").read_text().strip()
    bundle = folder / "ca-bundle.pem"
    shutil.copyfile(state.ca_dir / "bundle.pem", bundle)
    bundle.chmod(0o644)
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "PGSSLROOTCERT": str(bundle),
    }
