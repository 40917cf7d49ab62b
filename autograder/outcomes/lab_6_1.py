"""Lab 6.1: a database that only the application can reach."""

from collections.abc import Iterator, Mapping
from typing import Any

from autograder import probes
from autograder.errors import Mistake
from autograder.examiner import Account, endpoint
from autograder.outcome import Sheet, outcome

EVERYONE = ("0.0.0.0/0", "::/0")


@outcome("lab-6.1", title="Private deployment", points=10)
def private_deployment(sheet: Sheet, account: Account, *, db: str, app_host: str) -> None:
    """Subnets, exposure, encryption, security group, and both ways of connecting."""
    database = account.database(db)
    sheet.judge("The subnet group covers two Availability Zones", 1, spans_zones, database)
    sheet.judge("No subnet has a route to an internet gateway", 2, has_no_way_out, account, database)
    sheet.judge("The database is not publicly accessible", 1, is_not_public, database)
    sheet.judge("Storage is encrypted", 1, is_encrypted, database)
    sheet.judge("Only the app tier's security group is let in", 2, admits_only, account, database, app_host)
    sheet.judge("A connection from outside fails", 1, refuses_outside, database)
    sheet.judge("From the app host the server answers", 2, answers_app_host, account, database, app_host)


def spans_zones(database: Mapping[str, Any]) -> None:
    """Two zones or more in the subnet group."""
    group = _subnet_group(database)
    zones = {subnet["SubnetAvailabilityZone"]["Name"] for subnet in group["Subnets"]}
    if len(zones) < 2:
        raise Mistake(
            f"subnet group {group['DBSubnetGroupName']} covers only {', '.join(sorted(zones)) or 'no zone'}: "
            "add a private subnet in a second Availability Zone"
        )


def has_no_way_out(account: Account, database: Mapping[str, Any]) -> None:
    """No route of any database subnet leads to an internet gateway."""
    group = _subnet_group(database)
    tables = account.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [group["VpcId"]]}])[
        "RouteTables"
    ]
    for subnet in group["Subnets"]:
        subnet_id = subnet["SubnetIdentifier"]
        table = _route_table(tables, subnet_id)
        for route in table["Routes"]:
            gateway = route.get("GatewayId", "")
            if gateway.startswith("igw-") and route.get("State") != "blackhole":
                to = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock", "traffic")
                raise Mistake(
                    f"{subnet_id} is public: its route table {table['RouteTableId']} sends {to} "
                    f"to {gateway}. "
                    "Put the database in subnets whose route table has no internet gateway"
                )


def is_not_public(database: Mapping[str, Any]) -> None:
    """PubliclyAccessible is off."""
    if database["PubliclyAccessible"]:
        raise Mistake(
            f"{database['DBInstanceIdentifier']} is publicly accessible: modify it with "
            "PubliclyAccessible=False"
        )


def is_encrypted(database: Mapping[str, Any]) -> None:
    """StorageEncrypted is on."""
    if not database["StorageEncrypted"]:
        raise Mistake(
            f"the storage of {database['DBInstanceIdentifier']} is not encrypted, which cannot "
            "be changed later: "
            "create it with StorageEncrypted=True"
        )


def admits_only(account: Account, database: Mapping[str, Any], app_host: str) -> None:
    """Ingress on the database's port names groups of the app host, and nothing else."""
    port = int(database.get("Endpoint", {}).get("Port", 5432))
    app_groups = {group["GroupId"] for group in account.instance(app_host)["SecurityGroups"]}
    own = [item["VpcSecurityGroupId"] for item in database["VpcSecurityGroups"]]
    remedy = f"let in only the app tier's group ({', '.join(sorted(app_groups))})"
    admitted = False
    for group in account.ec2.describe_security_groups(GroupIds=own)["SecurityGroups"]:
        for source in _sources(group, port):
            if source not in app_groups:
                raise Mistake(f"{group['GroupId']} admits {_name(source)} on {port}: {remedy}")
            admitted = True
    if not admitted:
        raise Mistake(f"{', '.join(own)} admits nobody on {port}: {remedy}")


def refuses_outside(database: Mapping[str, Any]) -> None:
    """A caller outside the VPC gets no answer from the server."""
    host, port = endpoint(database)
    if probes.knock(host, port).reached:
        raise Mistake(
            f"{host}:{port} answered a caller outside the VPC: make it private (PubliclyAccessible=False, "
            "private subnets, a group that admits only the app tier)"
        )


def answers_app_host(account: Account, database: Mapping[str, Any], app_host: str) -> None:
    """A caller on the app host gets an answer from the server."""
    host, port = endpoint(database)
    account.instance(app_host)
    with account.through(app_host, host, port) as tunnel:
        answer = probes.knock(tunnel.host, tunnel.port)
    if not answer.reached:
        raise Mistake(f"from {app_host} nothing answers at {host}:{port}: {answer.said}")


def _subnet_group(database: Mapping[str, Any]) -> Mapping[str, Any]:
    group = database.get("DBSubnetGroup")
    if not group:
        raise Mistake(
            f"{database['DBInstanceIdentifier']} has no subnet group: create one over private "
            "subnets in two zones"
        )
    found: Mapping[str, Any] = group
    return found


def _route_table(tables: list[dict[str, Any]], subnet_id: str) -> dict[str, Any]:
    main: dict[str, Any] = {"RouteTableId": "none", "Routes": []}
    for table in tables:
        for association in table["Associations"]:
            if association.get("SubnetId") == subnet_id:
                return table
            if association.get("Main"):
                main = table
    return main


def _sources(group: Mapping[str, Any], port: int) -> Iterator[str]:
    for rule in group["IpPermissions"]:
        everything = rule["IpProtocol"] == "-1"
        covers = rule["IpProtocol"] in ("tcp", "6") and rule.get("FromPort", 0) <= port <= rule.get(
            "ToPort", 65535
        )
        if not (everything or covers):
            continue
        yield from (pair["GroupId"] for pair in rule.get("UserIdGroupPairs", []))
        yield from (item["CidrIp"] for item in rule.get("IpRanges", []))
        yield from (item["CidrIpv6"] for item in rule.get("Ipv6Ranges", []))
        yield from (item["PrefixListId"] for item in rule.get("PrefixListIds", []))


def _name(source: str) -> str:
    return f"{source} (the whole internet)" if source in EVERYONE else source
