//! AMQP 0-9-1 frames as a broker reads and writes them, as far as the fake one needs.

/// Ends every frame.
pub(crate) const FRAME_END: u8 = 0xCE;
pub(crate) const METHOD: u8 = 1;
pub(crate) const HEADER: u8 = 2;
pub(crate) const BODY: u8 = 3;
pub(crate) const HEARTBEAT: u8 = 8;

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) channel: u16,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A method frame, without arguments so far.
    pub(crate) fn method(channel: u16, class: u16, method: u16) -> Self {
        Self { kind: METHOD, channel, payload: Vec::new() }.u16(class).u16(method)
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.payload.push(value);
        self
    }

    pub(crate) fn u16(mut self, value: u16) -> Self {
        self.payload.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.payload.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.payload.extend(value.to_be_bytes());
        self
    }

    /// A short string.
    pub(crate) fn short(mut self, text: &str) -> Self {
        self.payload.push(u8::try_from(text.len()).unwrap());
        self.payload.extend(text.as_bytes());
        self
    }

    /// A long string.
    pub(crate) fn long(mut self, text: &str) -> Self {
        self.payload.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        self.payload.extend(text.as_bytes());
        self
    }

    /// Class and method of a method frame.
    pub(crate) fn ids(&self) -> (u16, u16) {
        assert_eq!(self.kind, METHOD, "not a method frame: {self:?}");
        let mut reader = Reader(&self.payload);
        (reader.u16(), reader.u16())
    }

    /// The arguments of a method frame.
    pub(crate) fn arguments(&self) -> Reader<'_> {
        Reader(&self.payload[4..])
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind];
        bytes.extend(self.channel.to_be_bytes());
        bytes.extend(u32::try_from(self.payload.len()).unwrap().to_be_bytes());
        bytes.extend(&self.payload);
        bytes.push(FRAME_END);
        bytes
    }
}

/// Reads arguments and properties one after the other.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take(8).try_into().unwrap())
    }

    pub(crate) fn short(&mut self) -> String {
        let length = usize::from(self.u8());
        String::from_utf8(self.take(length).to_vec()).unwrap()
    }
}

/// Body size and `message_id` of a content header that has no header table.
pub(crate) fn content_header(payload: &[u8]) -> (u64, Option<String>) {
    let mut reader = Reader(payload);
    let (_class, _weight, size, flags) = (reader.u16(), reader.u16(), reader.u64(), reader.u16());
    let has = |bit: u16| flags & (1 << bit) != 0;
    assert!(!has(13), "a header table");
    for bit in [15, 14] {
        if has(bit) {
            reader.short(); // content type and encoding
        }
    }
    for bit in [12, 11] {
        if has(bit) {
            reader.u8(); // delivery mode and priority
        }
    }
    for bit in [10, 9, 8] {
        if has(bit) {
            reader.short(); // correlation id, reply to, expiration
        }
    }
    (size, has(7).then(|| reader.short()))
}
