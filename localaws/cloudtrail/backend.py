"""The trails of an account and Region: AWS's rules over moto's trails."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from moto.cloudtrail.exceptions import TrailNotFoundException
from moto.cloudtrail.models import CloudTrailBackend as Base
from moto.cloudtrail.models import Trail, cloudtrail_backends
from moto.cloudtrail.urls import url_bases, url_paths
from moto.s3.models import s3_backends

from localaws.cloudtrail import faults, selectors
from localaws.iam.policy import ALLOW, Ask, Principal, verdict

SERVICE = "cloudtrail.amazonaws.com"


class CloudTrailBackend(Base):
    """One account and Region."""

    @property
    def _url_module(self) -> Any:
        from localaws.cloudtrail.responses import CloudTrailResponse

        paths = dict.fromkeys(url_paths, CloudTrailResponse.dispatch)
        return SimpleNamespace(url_bases=url_bases, url_paths=paths)

    def create_trail(self, name: str, bucket_name: str, *args: Any, **kwargs: Any) -> Trail:
        """Create a trail whose bucket lets CloudTrail write."""
        if name in self.trails:
            raise faults.exists(name, self.account_id)
        trail = super().create_trail(name, bucket_name, *args, **kwargs)
        try:
            self._check_bucket(trail)
        except faults.CloudTrailFault:
            del self.trails[name]
            raise
        return trail

    def update_trail(
        self, name: str, s3_bucket_name: str, s3_key_prefix: str, *args: Any, **kwargs: Any
    ) -> Trail:
        """Change a trail; a new bucket or prefix must let CloudTrail write."""
        trail = self.own(name)
        before = dict(vars(trail))
        changed = super().update_trail(trail.trail_name, s3_bucket_name, s3_key_prefix, *args, **kwargs)
        try:
            changed.check_bucket_exists()
            self._check_bucket(changed)
        except Exception:
            vars(trail).update(before)
            raise
        return changed

    def own(self, name_or_arn: str) -> Trail:
        """Return a trail that may be changed from here, named by its name or ARN."""
        try:
            return self.get_trail(name_or_arn)
        except TrailNotFoundException:
            if any(name_or_arn in (each.trail_name, each.arn) for each in self.everywhere()):
                raise faults.home(name_or_arn) from None
            raise

    def everywhere(self) -> Iterable[Trail]:
        """Return the multi-Region trails of the account, and those of this Region."""
        return self.describe_trails(include_shadow_trails=True)

    def start_logging(self, name: str) -> None:
        """Begin to deliver."""
        self.own(name).start_logging()

    def stop_logging(self, name: str) -> None:
        """Deliver no more."""
        self.own(name).stop_logging()

    def delete_trail(self, name: str) -> None:
        """Delete a trail, named by its name or ARN."""
        trail = self.own(name)
        super().delete_trail(trail.trail_name)

    def put_event_selectors(
        self,
        trail_name: str,
        event_selectors: list[dict[str, Any]],
        advanced_event_selectors: list[dict[str, Any]],
    ) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
        """Choose the trail's events."""
        selectors.check(event_selectors, advanced_event_selectors)
        trail = self.own(trail_name)
        trail.event_selectors = selectors.complete(event_selectors or [])
        trail.advanced_event_selectors = list(advanced_event_selectors or [])
        return trail.arn, trail.event_selectors, trail.advanced_event_selectors

    def get_event_selectors(self, trail_name: str) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the trail's selectors; AWS's default is every management event."""
        trail = self.get_trail(trail_name)
        basic = trail.event_selectors or ([] if trail.advanced_event_selectors else selectors.DEFAULT)
        return trail.arn, basic, trail.advanced_event_selectors

    def problem(self, trail: Trail) -> str | None:
        """Return what keeps CloudTrail from writing to the trail's bucket, in S3's words, or None."""
        bucket = s3_backends[self.account_id][self.partition].buckets.get(trail.bucket_name)
        if bucket is None:
            return "NoSuchBucket"
        may = all(_may(bucket, trail, *asked) for asked in _asked(trail, self.account_id))
        return None if may else "AccessDenied"

    def _check_bucket(self, trail: Trail) -> None:
        if self.problem(trail) is not None:
            raise faults.bucket_policy(trail.bucket_name)


def _asked(trail: Trail, account_id: str) -> Iterable[tuple[str, str]]:
    """What CloudTrail does with a bucket: it looks at the ACL, then it writes under the prefix."""
    bucket = f"arn:aws:s3:::{trail.bucket_name}"
    prefix = f"{trail.s3_key_prefix}/" if trail.s3_key_prefix else ""
    yield "s3:GetBucketAcl", bucket
    yield "s3:PutObject", f"{bucket}/{prefix}AWSLogs/{account_id}/CloudTrail/{trail.region_name}/file"


def _may(bucket: Any, trail: Trail, action: str, resource: str) -> bool:
    context = {
        "s3:x-amz-acl": "bucket-owner-full-control",
        "aws:sourcearn": trail.arn,
        "aws:sourceaccount": trail.account_id,
        "aws:securetransport": "true",
    }
    ask = Ask(action, resource, context, Principal(service=SERVICE))
    return verdict([bucket.policy or b"{}"], ask) == ALLOW


def delivered(backend: CloudTrailBackend, name: str, time: int, error: str | None) -> None:
    """Settlement: files were written to a trail's bucket, or could not be."""
    trail = backend.trails.get(name)
    if trail is None:
        return
    trail.status.attempt_time = time
    trail.status.error = error
    if error is None:
        trail.status.latest_delivery_time = time


def install() -> None:
    """Register our backend with moto."""
    cloudtrail_backends.backend = CloudTrailBackend
