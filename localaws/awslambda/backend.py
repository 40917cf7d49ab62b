"""Lambda's model: moto's, with VPCs that exist and AWS's own rotation functions."""

from __future__ import annotations

import base64
import copy
import io
import zipfile
from types import SimpleNamespace
from typing import Any

import moto.awslambda.models as base
from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.urls import url_bases, url_paths
from moto.ec2.models import ec2_backends

from localaws.awslambda import functions

PROVIDED = {
    "SecretsManagerRDSPostgreSQLRotationSingleUser": "Rotates a secret of an RDS for PostgreSQL user",
    "SecretsManagerRDSPostgreSQLRotationMultiUser": "Rotates a secret between two RDS for PostgreSQL users",
}
"""Functions that AWS offers in the Serverless Application Repository; here every account has them."""

_NOTE = "# AWS's rotation function of this name: the local AWS runs its steps itself.\n"


class LambdaFunction(base.LambdaFunction):
    """A function; the process that runs it is started by `functions`."""

    provided = False

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        """UpdateFunctionConfiguration."""
        check_vpc(self.account_id, self.region, config_updates.get("VpcConfig"))
        return super().update_configuration(config_updates)

    @property
    def vpc_config(self) -> dict[str, Any] | None:
        """VpcConfig, with the VPC of its subnets."""
        given = self._vpc_config or {}
        subnets = given.get("SubnetIds") or []
        if not subnets:
            return None
        groups = list(given.get("SecurityGroupIds") or [])
        ec2 = ec2_backends[self.account_id][self.region]
        vpcs = [each.vpc_id for each in ec2.describe_subnets() if each.id in subnets]
        return {
            "SubnetIds": list(subnets),
            "SecurityGroupIds": groups,
            "VpcId": vpcs[0] if vpcs else "",
            "Ipv6AllowedForDualStack": False,
        }

    @vpc_config.setter
    def vpc_config(self, given: dict[str, Any] | None) -> None:
        self._vpc_config = given

    def invoke(self, body: Any, request_headers: Any, response_headers: Any) -> bytes:  # noqa: ARG002 - moto's signature
        """Run the function for another service, later: moto calls this while it holds the model."""
        functions.later(self.account_id, self.region, self.function_arn, body)
        return b""


class ProvidedFunction(LambdaFunction):
    """One of AWS's own functions."""

    provided = True

    def __init__(self, account_id: str, region: str, name: str) -> None:
        spec = {
            "FunctionName": name,
            "Description": PROVIDED[name],
            "Role": f"arn:aws:iam::{account_id}:role/{name}Role",
            "Runtime": "python3.12",
            "Handler": "lambda_function.lambda_handler",
            "Timeout": 30,
            "Code": {"ZipFile": base64.b64encode(_archive(_NOTE)).decode()},
        }
        super().__init__(account_id, spec, region, version="$LATEST")
        self.policy.statements.append(
            {
                "Sid": "SecretsManagerAccess",
                "Effect": "Allow",
                "Principal": {"Service": "secretsmanager.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Resource": self.function_arn,
            }
        )

    def _get_layers_data(self, layers_versions_arns: list[str]) -> list[Any]:
        """No layers: moto would look for them in the backend that is just being made."""
        return super()._get_layers_data(layers_versions_arns) if layers_versions_arns else []


class LambdaBackend(base.LambdaBackend):
    """Lambda in one account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        for name in PROVIDED:
            function = ProvidedFunction(account_id, region_name, name)
            self._lambdas._functions[name] = {"latest": function, "versions": []}
            self._lambdas._arns[function.function_arn] = function

    @property
    def _url_module(self) -> Any:
        from localaws.awslambda.responses import LambdaResponse

        return SimpleNamespace(
            url_bases=url_bases, url_paths=dict.fromkeys(url_paths, LambdaResponse.dispatch)
        )

    def create_function(self, spec: dict[str, Any]) -> LambdaFunction:
        """CreateFunction; several of moto's services come here as well."""
        name = spec.get("FunctionName")
        if name is None:
            raise InvalidParameterValueException("Missing FunctionName")
        check_vpc(self.account_id, self.region_name, spec.get("VpcConfig"))
        function = LambdaFunction(self.account_id, spec, self.region_name, version="$LATEST")
        self._lambdas.put_function(function)
        if spec.get("Publish"):
            version = self.publish_version(name).version
            function = copy.copy(function)
            function.version = version
        return function

    def delete_function(self, function_name: str, qualifier: str | None = None) -> None:
        """DeleteFunction; AWS's own stay, as there is no repository to deploy them from again."""
        if self.get_function(function_name, qualifier).provided:
            raise InvalidParameterValueException(
                f"{function_name} comes with this local AWS and cannot be deleted. Leave it where it is."
            )
        super().delete_function(function_name, qualifier)


class UnsupportedRuntime(LambdaClientError):
    """The function is written in a language that is not run here."""

    code = 502

    def __init__(self, runtime: str) -> None:
        super().__init__(
            "InvalidRuntimeException",
            f"The runtime {runtime} is not available in this local AWS. Use a Python runtime and a zip file.",
        )


def check_vpc(account_id: str, region: str, config: dict[str, Any] | None) -> None:
    """Refuse subnets and security groups that do not exist."""
    ec2 = ec2_backends[account_id][region]
    subnets = {each.id for each in ec2.describe_subnets()} if config else set()
    for subnet in (config or {}).get("SubnetIds") or []:
        if subnet not in subnets:
            raise InvalidParameterValueException(
                f"Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
                f"EC2 Error Message: The subnet ID '{subnet}' does not exist"
            )
    for group in (config or {}).get("SecurityGroupIds") or []:
        if ec2.get_security_group_from_id(group) is None:
            raise InvalidParameterValueException(
                "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. "
                f"EC2 Error Message: The security group '{group}' does not exist"
            )


def _archive(source: str) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr(zipfile.ZipInfo("lambda_function.py", (2020, 1, 1, 0, 0, 0)), source)
    return output.getvalue()
