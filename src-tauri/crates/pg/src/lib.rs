//! The embedded Postgres: find, initialise, start, adopt, stop, back up.
