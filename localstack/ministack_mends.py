"""What MiniStack is told and does not tell again, mended: a deploy must find what it wrote.

Each mend says what AWS does. A release of MiniStack that does it too makes the mend superfluous.
"""

from ministack.core import iam_actions
from ministack.services import cloudwatch, ec2, ecs, iam


def apply() -> None:
    """Puts the mends in place. MiniStack's services must be imported, and none may have been called."""
    dashboards_have_times()
    endpoints_keep_groups_and_dns()
    roles_have_path_and_boundary_where_policies_are_evaluated()
    services_keep_what_an_update_sets()


def dashboards_have_times() -> None:
    """Over CBOR a time is a tag, and the AWS SDK for Rust reads nothing else; MiniStack tells a dashboard's as a text."""
    plain = cloudwatch._cbor_ok

    def with_times(data: dict):
        for entry in data.get("DashboardEntries", []):
            entry["LastModified"] = cloudwatch._cbor_timestamp(entry["LastModified"])
        return plain(data)

    cloudwatch._cbor_ok = with_times


def endpoints_keep_groups_and_dns() -> None:
    """An interface endpoint tells its security groups, and whether the service's name leads to it."""
    create, modify, fields = ec2._create_vpc_endpoint, ec2._modify_vpc_endpoint, ec2._vpce_fields_xml

    def creating(parameters):
        known = set(ec2._vpc_endpoints.keys())
        answer = create(parameters)
        for made in set(ec2._vpc_endpoints.keys()) - known:
            endpoint = ec2._vpc_endpoints[made]
            endpoint["Groups"] = ec2._parse_member_list(parameters, "SecurityGroupId")
            endpoint["PrivateDnsEnabled"] = ec2._p(parameters, "PrivateDnsEnabled") or "false"
        return answer

    def modifying(parameters):
        endpoint = ec2._vpc_endpoints.get(ec2._p(parameters, "VpcEndpointId"))
        if endpoint:
            gone = ec2._parse_member_list(parameters, "RemoveSecurityGroupId")
            groups = endpoint.get("Groups", []) + ec2._parse_member_list(parameters, "AddSecurityGroupId")
            endpoint["Groups"] = [group for group in groups if group not in gone]
            endpoint["PrivateDnsEnabled"] = (
                ec2._p(parameters, "PrivateDnsEnabled") or endpoint.get("PrivateDnsEnabled", "false")
            )
        return modify(parameters)

    def telling(endpoint, tag="item"):
        groups = "".join(f"<item><groupId>{group}</groupId></item>" for group in endpoint.get("Groups", []))
        told = (
            f"<groupSet>{groups}</groupSet>"
            f"<privateDnsEnabled>{endpoint.get('PrivateDnsEnabled', 'false')}</privateDnsEnabled>"
        )
        return fields(endpoint, tag).replace("<subnetIdSet>", f"{told}<subnetIdSet>", 1)

    ec2._vpce_fields_xml = telling
    ec2._ACTION_MAP["CreateVpcEndpoint"] = creating
    ec2._ACTION_MAP["ModifyVpcEndpoint"] = modifying


def roles_have_path_and_boundary_where_policies_are_evaluated() -> None:
    """A role's ARN has its path, but for one that is not there; a condition may ask for its boundary, or for the service whose
    own role is made."""
    resource, context = iam_actions.extract_resource_arn, iam_actions.request_tag_context

    def named(parameters, name):
        return iam_actions._query_param(parameters, name)

    def with_path(service, method, path, headers, body, parameters, region, account):
        if service == "iam" and named(parameters, "AWSServiceName"):
            return f"arn:aws:iam::{account}:role/aws-service-role/{named(parameters, 'AWSServiceName')}/role"
        if service == "iam" and named(parameters, "RoleName"):
            name = named(parameters, "RoleName")
            role = iam._roles.get(name)
            return role["Arn"] if role else f"arn:aws:iam::{account}:role{named(parameters, 'Path') or '/'}{name}"
        return resource(service, method, path, headers, body, parameters, region, account)

    def with_boundary(service, action, body, parameters):
        told = context(service, action, body, parameters)
        if service == "iam":
            role = iam._roles.get(named(parameters, "RoleName")) or {}
            asked = action in ("iam:CreateRole", "iam:PutRolePermissionsBoundary")
            boundary = named(parameters, "PermissionsBoundary") if asked else role.get("PermissionsBoundary")
            keys = {"iam:PermissionsBoundary": boundary, "iam:AWSServiceName": named(parameters, "AWSServiceName")}
            told = {**told, **{key: value for key, value in keys.items() if value}}
        return told

    iam_actions.extract_resource_arn = with_path
    iam_actions.request_tag_context = with_boundary


def services_keep_what_an_update_sets() -> None:
    """A service's registry and tags can be changed."""
    update = ecs._update_service

    def updating(data):
        name = data.get("service", "").rsplit("/", 1)[-1]
        answer = update(data)
        for key, service in ecs._services.items():
            if key.rsplit("/", 1)[-1] == name:
                for field in ("serviceRegistries", "propagateTags", "enableECSManagedTags"):
                    if data.get(field) is not None:
                        service[field] = data[field]
        return answer

    for handlers in vars(ecs).values():
        if isinstance(handlers, dict):
            for action, handler in list(handlers.items()):
                if handler is update:
                    handlers[action] = updating
    ecs._update_service = updating
