"""The sampler: one thread that looks at the running servers and stores what it finds."""

from __future__ import annotations

from localaws.cloudwatch.measure import Dimensions, Measure, Probe

__all__ = ["Dimensions", "Measure", "Probe"]
