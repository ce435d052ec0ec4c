use std::fmt::{self, Write};
use std::path::Path;

use crate::home::Home;

/// A connection URL with its password; printing it for debugging leaves the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    role: &'static str,
    password: String,
    database: String,
    sockets: String,
}

impl DatabaseUrl {
    pub(crate) fn new(home: &Home, role: &'static str, password: &str, database: &str) -> Self {
        Self {
            role,
            password: password.to_owned(),
            database: database.to_owned(),
            sockets: percent_encoded(home.sockets()),
        }
    }

    /// The same role in another database of the server.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// The whole URL, password included: for connecting, never for a log.
    pub fn expose(&self) -> String {
        let Self { role, password, database, sockets } = self;
        format!("postgres://{role}:{password}@localhost/{database}?host={sockets}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}:***@localhost/{}?host={}", self.role, self.database, self.sockets)
    }
}

fn percent_encoded(path: &Path) -> String {
    path.as_os_str().as_encoded_bytes().iter().fold(String::new(), |mut text, byte| {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                text.push(char::from(*byte));
            }
            // Writing to a String cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}
