//! Each RPC × each of its reasons, through the generated client and a real database of each engine at hand.

mod at_rest;
mod get_authenticated_user;
mod issue_service_token;
mod revoke_portal;
mod start;
mod verify_api_token;
mod verify_portal_token;
mod world;
