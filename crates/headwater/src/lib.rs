//! The headwater command: plan, deploy, destroy, drift, status, send, query, tail, redrive.
