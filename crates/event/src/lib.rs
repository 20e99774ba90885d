//! The event: JSON wire form, validation, identity. Pure, no I/O.
