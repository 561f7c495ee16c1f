//! Journeys: the real binary on real databases and a real broker, seen from outside only.

mod account;
mod api;
mod broker;
mod broker_away;
mod client;
mod commands;
mod drain;
mod events;
mod judge;
mod kill_nine;
mod life;
mod logs;
mod openapi;
mod place;
mod proxy;
mod random;
mod replicas;
mod restart;
mod secrets;
mod service;
mod services_script;
mod settle;
mod slow_reader;
mod story;
mod surroundings;
mod tokens;
