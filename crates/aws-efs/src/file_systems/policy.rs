//! A file system's policy, as EFS keeps it and as the spec has it: pure.
//!
//! A policy names the file system's own ARN, which AWS makes. So the spec leaves it out: a statement without resources is
//! on the file system itself.

use resource::PolicyDocument;

/// What EFS is given: each statement that names no resource names `arn`.
pub(super) fn write(policy: &PolicyDocument, arn: &str) -> serde_json::Result<String> {
    let mut policy = policy.clone();
    for statement in policy.statement.iter_mut().filter(|statement| statement.resource.is_empty()) {
        statement.resource.push(arn.to_owned());
    }
    serde_json::to_string(&policy)
}

/// What EFS gives, in the spec's form.
pub(super) fn read(text: &str, arn: &str) -> serde_json::Result<PolicyDocument> {
    let mut policy: PolicyDocument = serde_json::from_str(text)?;
    for statement in policy.statement.iter_mut().filter(|statement| statement.resource == [arn]) {
        statement.resource.clear();
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{FILE_SYSTEM, file_system_arn, handle};

    #[test]
    fn what_is_written_names_the_file_system_and_reads_back_equal() {
        let policy = handle().policy();
        let written = write(&policy, &file_system_arn(FILE_SYSTEM)).unwrap();
        insta::assert_json_snapshot!(serde_json::from_str::<serde_json::Value>(&written).unwrap());
        assert_eq!(read(&written, &file_system_arn(FILE_SYSTEM)).unwrap(), policy);
    }

    #[test]
    fn a_resource_beyond_the_file_system_shows() {
        let mut policy = handle().policy();
        policy.statement[0].resource = vec!["*".to_owned()];
        let written = write(&policy, &file_system_arn(FILE_SYSTEM)).unwrap();
        assert_eq!(read(&written, &file_system_arn(FILE_SYSTEM)).unwrap(), policy);
    }
}
