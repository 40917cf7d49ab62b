"""A short run of the schedule of kills; `python -m tests.localaws.kills` makes the long one."""

from __future__ import annotations

import pytest

from tests.localaws.conftest import LocalAws
from tests.localaws.kills import Schedule

SHORT = 12


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_acknowledged_is_lost_whatever_is_killed(own_aws: LocalAws) -> None:
    report = Schedule(own_aws, seed=7).run(SHORT)
    # the last step may kill two at once
    assert SHORT <= report.kills.total() <= SHORT + 2
    assert report.rows > 100
    assert report.calls > 20
    assert not report.complaints
