"""Short runs of the schedules of kills; `kills` and `kills_services` as commands make the long ones."""

from __future__ import annotations

import pytest

from tests.localaws.conftest import LocalAws
from tests.localaws.kills import DatabaseSchedule
from tests.localaws.kills_services import ServiceSchedule

SHORT = 12
SERVICES_SHORT = 8


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_acknowledged_is_lost_whatever_is_killed(own_aws: LocalAws) -> None:
    report = DatabaseSchedule(own_aws, seed=7).run(SHORT)
    # the last step may kill two at once
    assert SHORT <= report.kills.total() <= SHORT + 2
    assert report.rows > 100
    assert report.calls > 20
    assert not report.complaints


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_in_the_other_services(own_aws: LocalAws) -> None:
    report = ServiceSchedule(own_aws, seed=7).run(SERVICES_SHORT)
    assert SERVICES_SHORT <= report.kills.total() <= SERVICES_SHORT + 2
    assert report.rows > 20
    assert report.calls > 100
    assert not report.complaints
