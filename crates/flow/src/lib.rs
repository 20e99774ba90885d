//! What the events of requests say: each request's flow, and which service is at fault. Pure, no I/O.
