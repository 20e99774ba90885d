//! What a resource is: key, spec, observed, change, plan. Data only, no I/O.
