"""What MiniStack is told and does not tell again, mended: a deploy must find what it wrote.

Each mend says what AWS does. A release of MiniStack that does it too makes the mend superfluous.
"""

import json
import time

from ministack.core import iam_actions
from ministack.core.responses import error_response_json, json_response
from ministack.services import (
    backup,
    cloudwatch,
    ec2,
    ecs,
    efs,
    iam,
    lambda_svc,
    secretsmanager,
    servicediscovery,
    sqs,
)

# The most that Lambda gives to one invocation, in bytes, and what a message takes of it beside its body.
PAYLOAD = 6 * 1024 * 1024
AROUND_A_BODY = 1024


def apply() -> None:
    """Puts the mends in place. MiniStack's services must be imported, and none may have been called."""
    dashboards_have_times()
    endpoints_keep_groups_and_dns()
    mappings_take_whole_batches_from_queues()
    repeated_creations_make_no_twins()
    roles_have_path_and_boundary_where_policies_are_evaluated()
    secrets_begin_with_the_version_that_was_asked_for()
    services_keep_what_an_update_sets()
    subnets_follow_one_route_table()


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


def mappings_take_whole_batches_from_queues() -> None:
    """An event source mapping gives an invocation as many messages as its batch size says, as far as they wait and fit into a
    payload; MiniStack's gives ten at most, as one ReceiveMessage does."""

    def receiving(url, most):
        with sqs._queues_lock:
            queue = sqs._get_q(url)
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            now, count, size = time.time(), 0, 0
            for message in queue["messages"]:
                if message["visible_at"] <= now:
                    size += len(json.dumps(message["body"])) + AROUND_A_BODY
                    if count == most or (count and size > PAYLOAD):
                        break
                    count += 1
            return sqs._collect_msgs(queue, count, int(queue["attributes"].get("VisibilityTimeout", "30")))

    sqs._receive_messages_for_esm = receiving


def repeated_creations_make_no_twins() -> None:
    """A creation that is repeated with its token makes nothing, and where there may be only one of a kind a second is refused."""

    def once(create, token_of, is_there):
        """Gives the first answer again while what it made is there."""
        answers = {}

        def creating(*asked):
            token = token_of(asked[-1])
            if token and token in answers and is_there(answers[token]):
                return answers[token]
            answer = create(*asked)
            if token and answer[0] == 200:
                answers[token] = answer
            return answer

        return creating

    def unless(create, twin_of):
        """Refuses what has a twin."""

        def creating(asked):
            return twin_of(asked) or create(asked)

        return creating

    for action, handler in list(ec2._ACTION_MAP.items()):
        if action.startswith("Create"):
            # A token is a new one for each creation, so none outlives what it made.
            ec2._ACTION_MAP[action] = once(handler, lambda asked: ec2._p(asked, "ClientToken"), lambda _: True)
    for kind, there in (("plan", backup._plans), ("selection", backup._selections)):
        made = {"plan": "BackupPlanId", "selection": "SelectionId"}[kind]
        create = getattr(backup, f"_create_{kind}")
        is_there = lambda answer, made=made, there=there: json.loads(answer[2])[made] in there  # noqa: E731
        setattr(backup, f"_create_{kind}", once(create, lambda asked: asked.get("CreatorRequestId"), is_there))

    def route(asked):
        block = ec2._p(asked, "DestinationCidrBlock")
        table = ec2._route_tables.get(ec2._p(asked, "RouteTableId"), {"Routes": []})
        if any(one.get("DestinationCidrBlock") == block for one in table["Routes"]):
            return ec2._error("RouteAlreadyExists", f"The route identified by {block} already exists.", 400)

    def subnet(asked):
        place = (ec2._p(asked, "VpcId"), ec2._p(asked, "CidrBlock"))
        if any((one["VpcId"], one["CidrBlock"]) == place for one in ec2._subnets.values()):
            return ec2._error("InvalidSubnet.Conflict", f"The CIDR '{place[1]}' conflicts with another subnet", 400)

    def access_point(asked):
        if any(one["ClientToken"] == asked.get("ClientToken") for one in efs._access_points.values()):
            return efs._error(409, "AccessPointAlreadyExists", "An access point was made with this token.")

    def service(asked):
        place = (asked.get("NamespaceId"), asked.get("Name"))
        if any((one["NamespaceId"], one["Name"]) == place for one in servicediscovery._services.values()):
            return error_response_json("ServiceAlreadyExists", "Service already exists.", 400)

    def mapping(asked):
        name = asked.get("FunctionName", "").rsplit(":function:", 1)[-1]
        place = (asked.get("EventSourceArn"), name)
        for one in lambda_svc._esms.values():
            if (one["EventSourceArn"], one["FunctionName"]) == place:
                there = f"An event source mapping with that source and function already exists: UUID {one['UUID']}"
                return error_response_json("ResourceConflictException", there, 409)

    ec2._ACTION_MAP["CreateRoute"] = unless(ec2._ACTION_MAP["CreateRoute"], route)
    ec2._ACTION_MAP["CreateSubnet"] = unless(ec2._ACTION_MAP["CreateSubnet"], subnet)
    efs._create_access_point = unless(efs._create_access_point, access_point)
    servicediscovery._create_service = unless(servicediscovery._create_service, service)
    lambda_svc._create_esm = unless(lambda_svc._create_esm, mapping)


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


def secrets_begin_with_the_version_that_was_asked_for() -> None:
    """A secret's first version has the token of its creation for an id; MiniStack makes one up."""
    create = secretsmanager._create_secret

    def creating(asked):
        answer, token = create(asked), asked.get("ClientRequestToken")
        if answer[0] != 200 or not token:
            return answer
        made = json.loads(answer[2])
        versions = secretsmanager._secrets[asked["Name"]]["Versions"]
        versions[token] = versions.pop(made["VersionId"])
        return json_response({**made, "VersionId": token})

    secretsmanager._create_secret = creating


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


def subnets_follow_one_route_table() -> None:
    """A subnet that follows a route table is not associated a second time, be it with the same one."""
    associate = ec2._associate_route_table

    def associating(parameters):
        subnet = ec2._p(parameters, "SubnetId")
        for table in ec2._route_tables.values():
            if subnet and any(one.get("SubnetId") == subnet for one in table["Associations"]):
                said = f"the association for route table {table['RouteTableId']} conflicts with an existing association"
                return ec2._error("Resource.AlreadyAssociated", said, 400)
        return associate(parameters)

    ec2._ACTION_MAP["AssociateRouteTable"] = associating
