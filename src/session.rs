//! Sessions.

pub mod words;
