//! The fields of a header, taken in order, in the byte order of its file.

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The highest.
    Big,
    /// The lowest.
    Little,
}

/// Bytes of which fields are taken; `None` where there are too few.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Those that are left.
    pub rest: &'a [u8],
    order: Order,
}

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8], order: Order) -> Fields<'a> {
        Fields { rest: bytes, order }
    }

    /// So many bytes as they are.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    /// So many bytes as fields of their own.
    pub fn part(&mut self, count: usize) -> Option<Fields<'a>> {
        let order = self.order;
        self.bytes(count).map(|bytes| Fields::new(bytes, order))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes: [u8; N] = self.bytes(N)?.try_into().ok()?;
        if self.order == Order::Little {
            bytes.reverse();
        }
        Some(bytes)
    }

    /// A number of two bytes.
    pub fn two(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// A number of four bytes.
    pub fn four(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of eight bytes.
    pub fn eight(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}
