//! The event log on DynamoDB: key schema, append, read by request, type and source.
