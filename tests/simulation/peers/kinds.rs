//! The kinds of clients of a stream, one line each.

/// Of TCP uppercase.
pub mod upper {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kind {
        /// Sends everything, half-closes, and must get everything and then a FIN.
        Whole,
        /// Always has more, until so much has come back.
        Busy,
        /// Always has more, for some seconds, whatever comes back.
        Endless,
        /// Sends a little, waits until all of it has come back, and goes on.
        Patient,
        /// Is answered once, and then rests until it is closed.
        Rests,
        /// Says something at the last moment, and must be heard if it isn't too late.
        LastMoment,
        /// Says nothing, and must be closed after the time for that.
        Silent,
        /// Sends and never reads: must be reset after the time for that.
        Stuck,
        /// Reads a little now and then, which must keep it alive.
        Slow,
        /// Reads like that for a while and then no more: must be reset after the time for that.
        Dies,
        /// Resets the connection in the middle.
        Resets,
        /// Is gone without a word.
        Vanishes,
    }

    pub const KINDS: [Kind; 11] = [
        Kind::Whole,
        Kind::Busy,
        Kind::Patient,
        Kind::Rests,
        Kind::LastMoment,
        Kind::Silent,
        Kind::Stuck,
        Kind::Slow,
        Kind::Dies,
        Kind::Resets,
        Kind::Vanishes,
    ];

    impl Kind {
        /// Whether it keeps its place for long.
        pub fn takes_long(self) -> bool {
            matches!(
                self,
                Kind::Slow | Kind::Dies | Kind::Stuck | Kind::Silent | Kind::Rests | Kind::LastMoment
            )
        }
    }
}

/// Of HTTP.
pub mod web {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kind {
        /// Asks for several things, one after the other or all at once, and closes.
        Asks,
        /// The same, and half-closes behind the last request.
        HalfCloses,
        /// One request when the connection is new, as a newcomer.
        Newcomer,
        /// Asks for something small now and then, and is answered soon, however many are busy.
        Returns,
        /// Has one request answered, and then rests until it is closed.
        Rests,
        /// Asks at the last moment, and must be heard if it isn't too late.
        LastMoment,
        /// Says nothing, and must be closed when its time is over.
        Silent,
        /// Sends half a head, and must get a 408 when its time is over.
        Half,
        /// Sends a head a byte at a time, and must be answered.
        Drips,
        /// Asks for much and never reads: must be reset when its time is over.
        Stuck,
        /// Resets the connection in the middle.
        Resets,
        /// Is gone without a word.
        Vanishes,
    }

    pub const KINDS: [Kind; 12] = [
        Kind::Asks,
        Kind::HalfCloses,
        Kind::Newcomer,
        Kind::Returns,
        Kind::Rests,
        Kind::LastMoment,
        Kind::Silent,
        Kind::Half,
        Kind::Drips,
        Kind::Stuck,
        Kind::Resets,
        Kind::Vanishes,
    ];
}
