//! DynamoDB resources.
