//! Lambda resources.
