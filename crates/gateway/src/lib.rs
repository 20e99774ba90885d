//! A producer of events for each request that is made to a service.
