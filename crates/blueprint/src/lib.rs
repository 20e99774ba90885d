//! Our stacks as a graph of resources, for an environment.

pub mod configuration;
