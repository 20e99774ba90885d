//! Permissions as data: what one resource allows, handed to whoever shall have it.

use crate::Statement;

/// Whoever can be given a permission: a role, or a function by its role.
///
/// A resource's handle makes the statement, so that exactly what is needed on exactly that resource is said in one
/// place: `table.grant_append(&mut function)`.
pub trait Grantee {
    /// Adds the statement to the grantee's policy.
    fn grant(&mut self, statement: Statement);
}
