//! What a function's role needs where the function stands in a network.

use resource::{Grantee, Statement};

/// Lets a function with a [`VpcConfig`](crate::VpcConfig) run as the grantee: Lambda makes and deletes its network
/// interfaces in the name of the function's role. The role must outlive them, which is longer than the function.
///
/// These are the actions on EC2 of AWS's managed policy `AWSLambdaVPCAccessExecutionRole`, and as there on every
/// resource: an interface has no name before it is made. Its actions on logs are left out, since they would let the
/// function make a log group.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaVPCAccessExecutionRole.html>
pub fn grant_vpc_access(grantee: &mut impl Grantee) {
    let actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ];
    grantee.grant(Statement::allow("", actions, ["*"]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_handle_interfaces_and_nothing_else() {
        struct Role(Vec<Statement>);
        impl Grantee for Role {
            fn grant(&mut self, statement: Statement) {
                self.0.push(statement);
            }
        }
        let mut role = Role(Vec::new());
        grant_vpc_access(&mut role);
        let of_interfaces = |action: &String| action.starts_with("ec2:") && !action.contains('*');
        assert!(role.0.iter().all(|statement| statement.action.iter().all(of_interfaces)));
        assert!(role.0[0].action.contains(&"ec2:CreateNetworkInterface".to_owned()));
    }
}
