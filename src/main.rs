//! The `livegate` command.

fn main() {}
