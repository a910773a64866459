//! Fuzzes `CreateSessionRequest`: it is valid, or has violations.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livegate::grpc::fuzzing::create(bytes));
