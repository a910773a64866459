//! Any bytes as a `grpc-timeout`: a deadline no later than the caller's, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livegate::grpc::fuzzing::timeout(bytes));
