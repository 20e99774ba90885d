//! Classes of AWS's errors, by code; the one place where they are decided.
//!
//! An SDK's modelled variant *is* an error code on the wire, so one table of codes covers modelled and unmodelled
//! errors of every service alike. Where a code means different things in two services, the row names the service. What
//! AWS tells apart in its message alone is decided by the family that meets it, with [`Error::says`].

use std::{error::Error as StdError, fmt, iter::successors};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use resource::{Class, Error, Result};

/// Turns the SDK's result into ours, with operation, resource and class.
pub trait At<T> {
    /// The value, or an [`Error`] in `operation` (IAM's name for it, `sqs:CreateQueue`) on `resource`.
    ///
    /// # Errors
    /// Whatever the SDK reports, classed.
    fn at(self, operation: &'static str, resource: impl fmt::Display) -> Result<T>;
}

impl<T, E> At<T> for std::result::Result<T, SdkError<E, HttpResponse>>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn at(self, operation: &'static str, resource: impl fmt::Display) -> Result<T> {
        self.map_err(|error| {
            let said = Said::of(&error);
            Error::new(operation, resource, said.class(operation), said)
        })
    }
}

/// What AWS said, or what became of the call if it said nothing.
#[derive(Debug, thiserror::Error)]
pub struct Said {
    /// The error code, as in `QueueDeletedRecently`; empty where the call failed on the way.
    pub code: String,
    /// The message.
    pub message: String,
    /// The HTTP status; 0 where there was no response.
    pub status: u16,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            ("", message) => f.write_str(message),
            (code, "") => f.write_str(code),
            (code, message) => write!(f, "{code}: {message}"),
        }
    }
}

impl Said {
    fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        match error.as_service_error() {
            Some(said) => Self { code: text(said.code()), message: text(said.message()), status },
            None => Self { code: String::new(), message: chain(error), status },
        }
    }

    fn class(&self, operation: &str) -> Class {
        let service = operation.split_once(':').map_or(operation, |(service, _)| service);
        let row =
            CODES.iter().find(|(of, code, _)| (of.is_empty() || *of == service) && matches(code, &self.code));
        match row {
            Some((_, _, class)) => *class,
            None if self.status == 0 && self.message.contains("credential") => Class::Denied,
            None if self.status == 0 || self.status == 429 || self.status >= 500 => Class::RetryLater,
            None => Class::Fatal,
        }
    }
}

/// An error and what lies beneath it, in one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// `*Suffix` matches the end of a code, `Prefix*` its beginning, all else the whole.
fn matches(pattern: &str, code: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => code.ends_with(end),
        (_, Some(beginning)) => code.starts_with(beginning),
        _ => code == pattern,
    }
}

/// Service (empty: any), code, class; the first row that matches decides.
const CODES: &[(&str, &str, Class)] = &[
    // DynamoDB calls its bound on concurrent control-plane operations a limit; elsewhere a limit is a quota.
    ("dynamodb", "LimitExceededException", Class::RetryLater),
    // EC2's own words, which end as no other service's: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
    ("ec2", "Gateway.NotAttached", Class::NotFound),
    ("ec2", "InvalidSubnet.Conflict", Class::AlreadyExists),
    ("ec2", "Resource.AlreadyAssociated", Class::AlreadyExists),
    ("ec2", "IncorrectState", Class::Conflict),
    ("ec2", "AuthFailure", Class::Denied),
    ("", "*NotFound", Class::NotFound),
    ("", "*NotFoundException", Class::NotFound),
    ("", "*NotFoundFault", Class::NotFound),
    ("", "NoSuchEntity*", Class::NotFound),
    ("", "QueueDoesNotExist", Class::NotFound),
    ("", "*NonExistentQueue", Class::NotFound),
    ("", "*AlreadyExists", Class::AlreadyExists),
    ("", "*AlreadyExistsException", Class::AlreadyExists),
    ("", "*AlreadyExistsFault", Class::AlreadyExists),
    ("", "ResourceExistsException", Class::AlreadyExists),
    ("", "QueueNameExists", Class::AlreadyExists),
    ("", "*.Duplicate", Class::AlreadyExists),
    ("", "*QueueDeletedRecently", Class::RetryLater),
    ("", "*Throttling", Class::RetryLater),
    ("", "*ThrottlingException", Class::RetryLater),
    ("", "*Throttled", Class::RetryLater),
    ("", "*ThrottledException", Class::RetryLater),
    ("", "TooManyRequestsException", Class::RetryLater),
    ("", "RequestLimitExceeded", Class::RetryLater),
    ("", "ProvisionedThroughputExceededException", Class::RetryLater),
    ("", "PriorRequestNotComplete", Class::RetryLater),
    ("", "ContinuousBackupsUnavailableException", Class::RetryLater),
    ("", "ServiceUnavailable*", Class::RetryLater),
    ("", "InternalError", Class::RetryLater),
    ("", "InternalFailure", Class::RetryLater),
    ("", "InternalServerError", Class::RetryLater),
    ("", "ServiceException", Class::RetryLater),
    ("", "ServiceFailure*", Class::RetryLater),
    ("", "*ConflictException", Class::Conflict),
    ("", "DeleteConflict", Class::Conflict),
    ("", "ConcurrentModification*", Class::Conflict),
    ("", "*InUse", Class::Conflict),
    ("", "*InUseException", Class::Conflict),
    ("", "OperationAborted*", Class::Conflict),
    ("", "DependencyViolation", Class::Conflict),
    ("", "ConditionalCheckFailedException", Class::Conflict),
    ("", "PreconditionFailed*", Class::Conflict),
    ("", "AccessDenied*", Class::Denied),
    ("", "UnauthorizedOperation", Class::Denied),
    ("", "AuthorizationError*", Class::Denied),
    ("", "NotAuthorized*", Class::Denied),
    ("", "UnrecognizedClientException", Class::Denied),
    ("", "InvalidClientTokenId", Class::Denied),
    ("", "ExpiredToken*", Class::Denied),
    ("", "SignatureDoesNotMatch", Class::Denied),
    ("", "InvalidSignatureException", Class::Denied),
    ("", "IncompleteSignature*", Class::Denied),
    ("", "MissingAuthenticationToken*", Class::Denied),
    ("", "OptInRequired", Class::Denied),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn class(operation: &str, code: &str, status: u16) -> Class {
        Said { code: code.into(), message: String::new(), status }.class(operation)
    }

    #[test]
    fn codes_are_classed_alike_in_every_service() {
        let table = [
            ("sqs:GetQueueUrl", "AWS.SimpleQueueService.NonExistentQueue", Class::NotFound),
            ("iam:GetRole", "NoSuchEntity", Class::NotFound),
            ("lambda:GetFunction", "ResourceNotFoundException", Class::NotFound),
            ("iam:CreateRole", "EntityAlreadyExists", Class::AlreadyExists),
            ("ec2:AuthorizeSecurityGroupIngress", "InvalidPermission.Duplicate", Class::AlreadyExists),
            ("sqs:CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", Class::RetryLater),
            ("lambda:UpdateFunctionCode", "ResourceConflictException", Class::Conflict),
            ("iam:DeleteRole", "DeleteConflict", Class::Conflict),
            ("ec2:CreateVpc", "UnauthorizedOperation", Class::Denied),
            ("ec2:DeleteVpc", "InvalidVpcID.NotFound", Class::NotFound),
            ("ec2:DeleteNatGateway", "NatGatewayNotFound", Class::NotFound),
            ("ec2:DetachInternetGateway", "Gateway.NotAttached", Class::NotFound),
            ("ec2:CreateSubnet", "InvalidSubnet.Conflict", Class::AlreadyExists),
            ("ec2:CreateRoute", "RouteAlreadyExists", Class::AlreadyExists),
            ("ec2:AttachInternetGateway", "Resource.AlreadyAssociated", Class::AlreadyExists),
            ("ec2:DeleteSubnet", "DependencyViolation", Class::Conflict),
            ("ec2:ReleaseAddress", "InvalidIPAddress.InUse", Class::Conflict),
            ("lambda:CreateFunction", "InvalidParameterValueException", Class::Fatal),
        ];
        for (operation, code, expected) in table {
            assert_eq!(class(operation, code, 400), expected, "{operation} {code}");
        }
    }

    #[test]
    fn a_limit_is_a_matter_of_time_in_dynamodb_alone() {
        assert_eq!(class("dynamodb:UpdateTable", "LimitExceededException", 400), Class::RetryLater);
        assert_eq!(class("logs:CreateLogGroup", "LimitExceededException", 400), Class::Fatal);
    }

    #[test]
    fn a_servers_own_trouble_and_a_lost_connection_may_pass() {
        assert_eq!(class("sqs:CreateQueue", "Unheard", 503), Class::RetryLater);
        assert_eq!(class("sqs:CreateQueue", "", 0), Class::RetryLater);
    }
}
