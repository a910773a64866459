//! Fuzzes `GetSessionResultRequest`, with and without a required result token.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livegate::grpc::fuzzing::result(bytes));
