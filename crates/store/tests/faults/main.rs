//! What the store does when the disk is full, fails, loses power, or gives back other bytes than it took.

mod scene;
mod steps;

mod damage;
mod failed;
mod full;
mod manifest;
mod rewrite;
