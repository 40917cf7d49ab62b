"""The server outside AWS that a migration begins at."""

from pathlib import Path

import psycopg
import pytest

from labkit import onprem
from labkit.errors import BackendError


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCALAWS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAWS_DURABILITY", "off")


@pytest.mark.engine
def test_life() -> None:
    with pytest.raises(BackendError, match=r"onprem\.start"):
        onprem.OnPremises.find()
    with onprem.onprem() as server:
        assert server.password not in repr(server)
        with server.connect() as connection:
            settings = "select current_setting('wal_level'), current_setting('is_superuser')"
            assert connection.execute(settings).fetchone() == ("logical", "on")
            connection.execute("create table kept (n int)")
        onprem.stop()
        with pytest.raises(psycopg.OperationalError):
            server.connect()
        again = onprem.start()
        with again.connect() as connection:
            assert connection.execute("select count(*) from kept").fetchone() == (0,)
        assert onprem.OnPremises.find() == again
        assert again.endpoint["Port"] == again.port
    with pytest.raises(BackendError):
        onprem.OnPremises.find()
