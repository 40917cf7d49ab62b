"""Terraform's AWS provider, unmodified: apply, a second plan without changes, destroy that leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROVIDER = "registry.terraform.io/hashicorp/aws"
HOW = (
    "Install Terraform (developer.hashicorp.com/terraform/install), and let `terraform init` reach "
    "registry.terraform.io, or put its AWS provider in a mirror: `terraform providers mirror "
    "~/.terraform.d/plugins` in tests/localaws/terraform on a machine that reaches it."
)

# The provider itself waits 30 to 60 s before it first looks at a database: the more at once, the better.
AT_ONCE = "-parallelism=40"
pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(1200)]


def _mirror() -> Path | None:
    """The folder of provider packages on this machine, where Terraform itself or an administrator put it."""
    folders = [Path.home() / ".terraform.d/plugins"]
    for shared in os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":"):
        folders.append(Path(shared) / "terraform/plugins")
    folders += [path.parent for path in Path("/opt").glob("*/registry.terraform.io")]
    return next((folder for folder in folders if (folder / PROVIDER).is_dir()), None)


class Terraform:
    """A working folder with the configuration, and commands in it."""

    def __init__(self, program: str, folder: Path, url: str, key: Any) -> None:
        self._program = program
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": key.access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret_key,
            "CHECKPOINT_DISABLE": "1",
        }

    def run(self, *words: str, wanted: int = 0) -> str:
        done = subprocess.run(
            [self._program, *words, "-no-color", "-input=false"],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == wanted, done.stdout + done.stderr
        return done.stdout

    def state(self) -> list[dict[str, Any]]:
        """The resources that Terraform remembers."""
        found: list[dict[str, Any]] = json.loads((self._folder / "terraform.tfstate").read_text())[
            "resources"
        ]
        return [each for each in found if each["mode"] == "managed"]


@pytest.fixture
def terraform(own_aws: Any, tmp_path: Path) -> Terraform:
    program = shutil.which("terraform")
    if program is None:
        pytest.skip(f"terraform is not on the PATH. {HOW}")
    folder = tmp_path / "terraform"
    shutil.copytree(Path(__file__).parent / "terraform", folder)
    own_aws.start()
    made = Terraform(program, folder, own_aws.endpoint_url, own_aws.session().get_credentials())
    mirror = _mirror()
    try:
        made.run("init", *([f"-plugin-dir={mirror}"] if mirror else []))
    except AssertionError as error:
        if mirror:
            raise
        pytest.skip(f"Terraform's AWS provider is not here. {HOW} ({str(error).strip()[-200:]})")
    return made


def _left(aws: Any) -> dict[str, list[Any]]:
    """What the account still holds, beside what is AWS's own."""
    rds, ec2 = aws.client("rds"), aws.client("ec2")
    looks: dict[str, Callable[[], list[Any]]] = {
        "instances": lambda: rds.describe_db_instances()["DBInstances"],
        "clusters": lambda: rds.describe_db_clusters()["DBClusters"],
        "snapshots": lambda: rds.describe_db_snapshots()["DBSnapshots"],
        "cluster snapshots": lambda: rds.describe_db_cluster_snapshots()["DBClusterSnapshots"],
        "backups": lambda: rds.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"],
        "subnet groups": lambda: rds.describe_db_subnet_groups()["DBSubnetGroups"],
        "parameter groups": lambda: [
            each
            for each in rds.describe_db_parameter_groups()["DBParameterGroups"]
            if not each["DBParameterGroupName"].startswith("default.")
        ],
        "cluster parameter groups": lambda: [
            each
            for each in rds.describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
            if not each["DBClusterParameterGroupName"].startswith("default.")
        ],
        "alarms": lambda: aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "topics": lambda: aws.client("sns").list_topics()["Topics"],
        "secrets": lambda: aws.client("secretsmanager").list_secrets()["SecretList"],
        "VPCs": lambda: [each for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]],
        **_left_of_other_services(aws),
    }
    return {name: found for name, look in looks.items() if (found := look())}


def _left_of_other_services(aws: Any) -> dict[str, Callable[[], list[Any]]]:
    cache, dms, glue = aws.client("elasticache"), aws.client("dms"), aws.client("glue")
    athena, dynamodb = aws.client("athena"), aws.client("dynamodb")
    return {
        "tables": lambda: dynamodb.list_tables()["TableNames"],
        "table backups": lambda: dynamodb.list_backups(BackupType="USER")["BackupSummaries"],
        "caches": lambda: cache.describe_cache_clusters()["CacheClusters"],
        "groups of caches": lambda: cache.describe_replication_groups()["ReplicationGroups"],
        "cache snapshots": lambda: cache.describe_snapshots()["Snapshots"],
        "cache subnet groups": lambda: [
            each
            for each in cache.describe_cache_subnet_groups()["CacheSubnetGroups"]
            if each["CacheSubnetGroupName"] != "default"
        ],
        "cache parameter groups": lambda: [
            each
            for each in cache.describe_cache_parameter_groups()["CacheParameterGroups"]
            if not each["CacheParameterGroupName"].startswith("default.")
        ],
        "migration tasks": lambda: dms.describe_replication_tasks()["ReplicationTasks"],
        "migration instances": lambda: dms.describe_replication_instances()["ReplicationInstances"],
        "migration endpoints": lambda: dms.describe_endpoints()["Endpoints"],
        "migration subnet groups": lambda: dms.describe_replication_subnet_groups()[
            "ReplicationSubnetGroups"
        ],
        "buckets": lambda: aws.client("s3").list_buckets()["Buckets"],
        "trails": lambda: aws.client("cloudtrail").describe_trails()["trailList"],
        "workgroups": lambda: [
            each for each in athena.list_work_groups()["WorkGroups"] if each["Name"] != "primary"
        ],
        "glue databases": lambda: glue.get_databases()["DatabaseList"],
        "roles": lambda: aws.client("iam").list_roles(PathPrefix="/")["Roles"],
    }


def test_apply_an_empty_second_plan_and_a_destroy_that_leaves_nothing(
    own_aws: Any, terraform: Terraform
) -> None:
    terraform.run("apply", "-auto-approve", AT_ONCE)
    applied = {each["type"] for each in terraform.state()}
    assert {"aws_db_instance", "aws_db_snapshot", "aws_rds_cluster", "aws_rds_cluster_instance"} <= applied
    assert {"aws_dynamodb_table", "aws_elasticache_replication_group", "aws_cloudtrail"} <= applied
    assert {"aws_athena_workgroup", "aws_glue_catalog_table", "aws_dms_replication_task"} <= applied
    servers = own_aws.status()["engines"]
    assert [each["status"] for each in servers] == ["available"] * len(servers)
    names = {each["name"] for each in servers}
    assert names >= {"tf-shop", "tf-shop-replica", "tf-aurora-0", "tf-aurora-1"}
    assert names >= {"tf-sessions-001", "tf-sessions-002"}

    # 0: nothing to change; 2: a difference
    terraform.run("plan", "-detailed-exitcode", wanted=0)

    terraform.run("destroy", "-auto-approve", AT_ONCE)
    assert terraform.state() == []
    assert _left(own_aws) == {}
    assert own_aws.status()["engines"] == []
