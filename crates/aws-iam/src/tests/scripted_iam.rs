//! IAM's answers, in the XML that it speaks.

use std::collections::BTreeMap;

use aws_env::scripted::{Reply, Request, Script};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use resource::PolicyDocument;

use super::{KEY, NAME, scope};
use crate::RoleSpec;

/// A parameter of a query request.
pub(crate) fn parameter(request: &Request, name: &str) -> Option<String> {
    let value = request.body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8().unwrap().into_owned())
}

pub(crate) fn encoded(document: &PolicyDocument) -> String {
    utf8_percent_encode(&serde_json::to_string(document).unwrap(), NON_ALPHANUMERIC).to_string()
}

/// A response of this operation.
pub(crate) fn answer(operation: &str, result: &str) -> Reply {
    let close = format!("</{operation}Result></{operation}Response>");
    Reply::xml(200, format!("<{operation}Response><{operation}Result>{result}{close}"))
}

fn fields(spec: &RoleSpec, tags: &BTreeMap<String, String>) -> String {
    let tag = |(key, value)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let tags: String = tags.iter().map(tag).collect();
    let boundary = spec.permissions_boundary.as_ref().map_or(String::new(), |arn| {
        format!("<PermissionsBoundary><PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn></PermissionsBoundary>")
    });
    let RoleSpec { path, description, max_session_duration_seconds, .. } = spec;
    let trust = encoded(&spec.assume_role_policy_document);
    format!(
        "<Path>{path}</Path><RoleName>{NAME}</RoleName><RoleId>AROA1</RoleId>\
         <Arn>arn:aws:iam::111111111111:role{path}{NAME}</Arn><CreateDate>2026-11-22T10:00:00Z</CreateDate>\
         <AssumeRolePolicyDocument>{trust}</AssumeRolePolicyDocument><Description>{description}</Description>\
         <MaxSessionDuration>{max_session_duration_seconds}</MaxSessionDuration>{boundary}<Tags>{tags}</Tags>"
    )
}

/// A role, as GetRole and CreateRole give it.
pub(super) fn role(spec: &RoleSpec, tags: &BTreeMap<String, String>) -> String {
    format!("<Role>{}</Role>", fields(spec, tags))
}

/// A role, as ListRoles gives it.
pub(super) fn roles(spec: &RoleSpec, tags: &BTreeMap<String, String>) -> String {
    format!("<Roles><member>{}</member></Roles>", fields(spec, tags))
}

/// What IAM answers to reads of a role that is `spec`.
pub(super) fn read(spec: &RoleSpec, tags: &BTreeMap<String, String>, request: &Request) -> Option<Reply> {
    let result = match request.operation.as_str() {
        "ListRoles" => roles(spec, tags),
        "GetRole" => role(spec, tags),
        "ListRolePolicies" => {
            let names = spec.policies.keys().map(|name| format!("<member>{name}</member>"));
            format!(
                "<PolicyNames>{}</PolicyNames><IsTruncated>false</IsTruncated>",
                names.collect::<String>()
            )
        }
        "GetRolePolicy" => {
            let name = parameter(request, "PolicyName").unwrap();
            let document = encoded(&spec.policies[&name]);
            format!(
                "<RoleName>{NAME}</RoleName><PolicyName>{name}</PolicyName><PolicyDocument>{document}</PolicyDocument>"
            )
        }
        "ListAttachedRolePolicies" => {
            let arns = spec.managed_policy_arns.iter();
            let members = arns.map(|arn| format!("<member><PolicyArn>{arn}</PolicyArn></member>"));
            format!("<AttachedPolicies>{}</AttachedPolicies>", members.collect::<String>())
        }
        _ => return None,
    };
    Some(answer(&request.operation, &result))
}

/// IAM with one role of ours that is `spec`; what else it is asked, it does.
pub(super) fn iam(spec: RoleSpec) -> Script {
    let tags = scope().tags(&KEY.parse().unwrap());
    Script::new(move |request| read(&spec, &tags, request).unwrap_or_else(|| answer(&request.operation, "")))
}
