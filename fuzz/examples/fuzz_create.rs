//! Any bytes as a `CreateSessionRequest`: it is an order, or all that is wrong with it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livegate::grpc::fuzzing::create(bytes));
