//! The time, read once, and the local zone for showing it.

use std::time::Duration;

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

/// Time that goes on while a command waits. Tests bring one of their own and never sleep.
pub trait Timer {
    /// Now.
    fn now(&self) -> OffsetDateTime;
    /// Waits.
    fn sleep(&mut self, duration: Duration);
}

/// The system's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
