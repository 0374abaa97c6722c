//! The `ocscert` command.

fn main() {}
