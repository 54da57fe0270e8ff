//! What the server fills in where a client said nothing, and what it makes of an object before it is validated.

pub mod objects;
pub mod pods;
