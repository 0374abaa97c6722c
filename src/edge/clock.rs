//! The time, read once, and the local zone for showing it.

use time::{OffsetDateTime, UtcOffset};

/// The moment a command started, and the zone to show times in.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Now, UTC.
    pub now: OffsetDateTime,
    /// The local offset; UTC where it cannot be told.
    pub offset: UtcOffset,
}

impl Clock {
    /// Reads the clock. Must be called before any thread starts: the zone cannot be read safely afterwards
    /// (`time` refuses then).
    pub fn read() -> Self {
        let offset = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
        Self { now: OffsetDateTime::now_utc(), offset }
    }
}
