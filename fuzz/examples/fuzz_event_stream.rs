//! Fuzzes the messages of a stream's client: one is invalid, or AWS's own decoder agrees.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livegate_simulator::fuzzing::client_message(bytes));
