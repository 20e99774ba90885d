//! The races between Lambda and what it depends on, and how long each is waited out.

use std::time::Duration;

use aws_env::Patience;
use resource::{Class, Error};

/// For a role that IAM has and Lambda cannot use yet; and for what Lambda does one at a time.
pub(crate) const ROLE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(120));

/// For a function or mapping that becomes ready or disappears.
pub(crate) const READY: Patience =
    Patience::new(Duration::from_millis(100), Duration::from_secs(2), Duration::from_secs(300));

/// What Lambda says, under the code of any invalid parameter, where a role, its policy or a network has not reached it yet.
const NOT_YET: [&str; 6] = [
    "cannot be assumed by Lambda",
    "execution role does not have permissions",
    "ensure the role can perform",
    "KMS key is invalid for CreateGrant",
    // A subnet or security group that EC2 has only just made.
    "InvalidSubnetID.NotFound",
    "InvalidGroup.NotFound",
];

/// Whether the error passes once what was made just before has reached Lambda.
pub(crate) fn dependency_is_fresh(error: &Error) -> bool {
    error.class == Class::Fatal && NOT_YET.iter().any(|text| error.says(text))
}

/// The same, or another change of the function or mapping is still under way.
pub(crate) fn settles(error: &Error) -> bool {
    error.class == Class::Conflict || dependency_is_fresh(error)
}

/// That it is gone already is success.
pub(crate) fn gone<T>(result: resource::Result<T>) -> resource::Result<()> {
    match result {
        Err(error) if error.class != Class::NotFound => Err(error),
        _ => Ok(()),
    }
}
