//! Alarms: NOSPACE and CORRUPT, raised and disarmed, durable.

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alarm {
    /// The quota is used up.
    NoSpace = 1,
    /// Stored data is damaged.
    Corrupt = 2,
}

impl Alarm {
    /// Every kind, in the order of the wire format.
    pub const ALL: [Self; 2] = [Self::NoSpace, Self::Corrupt];

    /// Reads the number of the wire and log formats.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|alarm| *alarm as u8 == number)
    }

    /// Returns etcd's name of the alarm.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSpace => "NOSPACE",
            Self::Corrupt => "CORRUPT",
        }
    }
}

/// The alarms that are raised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    no_space: bool,
    corrupt: bool,
}

impl Alarms {
    /// Whether `alarm` is raised.
    pub fn is_raised(self, alarm: Alarm) -> bool {
        match alarm {
            Alarm::NoSpace => self.no_space,
            Alarm::Corrupt => self.corrupt,
        }
    }

    /// Raises or disarms `alarm`; returns whether that changed anything.
    pub fn set(&mut self, alarm: Alarm, raised: bool) -> bool {
        let flag = match alarm {
            Alarm::NoSpace => &mut self.no_space,
            Alarm::Corrupt => &mut self.corrupt,
        };
        std::mem::replace(flag, raised) != raised
    }

    /// Returns the raised alarms.
    pub fn raised(self) -> impl Iterator<Item = Alarm> {
        Alarm::ALL.into_iter().filter(move |alarm| self.is_raised(*alarm))
    }
}
