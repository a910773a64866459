//! Fuzzes `grpc-timeout`: it is invalid, or gives a deadline no later than the caller's.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livegate::grpc::fuzzing::timeout(bytes));
