//! Any bytes as a `GetSessionResultRequest`, where a token is asked for and where not.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livegate::grpc::fuzzing::result(bytes));
