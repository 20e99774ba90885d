//! stub for the first compile
use crate::database::Database;
#[derive(Clone)]
pub(crate) struct Groups;
impl Groups { pub(crate) fn start(_: Database) -> Self { Self } }
