//! The rules of who may touch whom, read off the source.
//!
//! What is broken is told by file, line and rule. The table of the rooms is in
//! `architecture/rooms.rs`: a new edge is one line there, with its reason.

#![expect(clippy::unwrap_used, reason = "a scene that cannot go on has failed")]

#[path = "architecture"]
mod architecture {
    pub(crate) mod lexer;
    pub(crate) mod paths;
    pub(crate) mod rooms;
    pub(crate) mod source;

    mod made_up;
    mod the_crate;
}
