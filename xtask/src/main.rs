//! Task runner: one module a command; execs the headwater binary.
fn main(){}
