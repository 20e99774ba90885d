//! The local emulator harness: AWS on the laptop, handed back as an endpoint.
