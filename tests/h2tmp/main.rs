#![allow(dead_code, missing_docs)]
#[path = "../http/harness.rs"] mod harness;
#[path = "../http/jar.rs"] mod jar;
#[path = "../http/staff.rs"] mod staff;
#[path = "../http/sample_bodies.rs"] mod sample_bodies;
#[path = "../http/admin_users.rs"] mod admin_users;
#[path = "../http/admin_acts.rs"] mod admin_acts;
#[path = "../http/admin_roles.rs"] mod admin_roles;
#[path = "../http/admin_audit.rs"] mod admin_audit;
#[path = "../http/admin_bulk.rs"] mod admin_bulk;
#[path = "../http/admin_clients.rs"] mod admin_clients;
#[path = "../http/setup.rs"] mod setup;
#[path = "../http/mass_assignment.rs"] mod mass_assignment;
