//! A broker that says what the test tells it to say.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis_amqp::AmqpSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::rabbit::settings_for;
use crate::wire::{BODY, FRAME_END, Frame, HEADER, HEARTBEAT, METHOD, content_header};

const PATIENCE: Duration = Duration::from_secs(10);

/// Listens; each [`accept`](FakeBroker::accept) is one connection of the publisher.
pub(crate) struct FakeBroker {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl FakeBroker {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// Settings for a publisher to this broker; the password is a canary.
    pub(crate) fn settings(&self) -> AmqpSettings {
        AmqpSettings {
            queue: None,
            confirm_timeout: Duration::from_secs(2),
            ..settings_for(&format!("amqp://tester:Pa55-canary@{}/vh", self.address), "events")
        }
    }

    /// The next connection, before its first byte.
    pub(crate) async fn connection(&self) -> Talk {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("the publisher connects").unwrap();
        Talk { stream: BufReader::new(stream), tag: 0 }
    }

    /// The next connection, past login and declarations, in confirm mode.
    pub(crate) async fn accept(&self) -> Talk {
        let mut talk = self.connection().await;
        talk.log_in().await;
        talk.send(Frame::method(0, 10, 41).short("")).await;
        talk.declarations().await;
        talk
    }
}

/// A message as it came in.
pub(crate) struct Published {
    pub(crate) tag: u64,
    pub(crate) message_id: String,
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) mandatory: bool,
    header: Frame,
    body: Vec<Frame>,
}

/// One connection.
pub(crate) struct Talk {
    stream: BufReader<TcpStream>,
    tag: u64,
}

impl Talk {
    /// Everything up to `connection.open`, which is read but not answered.
    pub(crate) async fn log_in(&mut self) {
        self.greet().await;
        assert_eq!(self.method().await.ids(), (10, 11), "start-ok");
        self.send(Frame::method(0, 10, 30).u16(2047).u32(131_072).u16(60)).await;
        assert_eq!(self.method().await.ids(), (10, 31), "tune-ok");
        assert_eq!(self.method().await.ids(), (10, 40), "open");
    }

    /// Reads the protocol header and sends `connection.start`.
    pub(crate) async fn greet(&mut self) {
        let mut protocol = [0; 8];
        self.stream.read_exact(&mut protocol).await.unwrap();
        assert_eq!(&protocol, b"AMQP\0\0\x09\x01");
        self.send(Frame::method(0, 10, 10).u8(0).u8(9).u32(0).long("PLAIN AMQPLAIN").long("en_US")).await;
    }

    /// Answers everything up to `confirm.select`.
    async fn declarations(&mut self) {
        loop {
            let frame = self.method().await;
            let (class, method) = frame.ids();
            let ok = Frame::method(frame.channel, class, method + 1);
            let ok = match (class, method) {
                (20, 10) => ok.long(""),
                (50, 10) => ok.short("queue").u32(0).u32(0),
                (40, 10) | (50, 20) | (85, 10) => ok,
                other => panic!("unexpected method {other:?}"),
            };
            self.send(ok).await;
            if class == 85 {
                return;
            }
        }
    }

    /// The next message.
    pub(crate) async fn published(&mut self) -> Published {
        let publish = self.method().await;
        assert_eq!(publish.ids(), (60, 40), "basic.publish");
        let mut arguments = publish.arguments();
        let _ticket = arguments.u16();
        let (exchange, routing_key, bits) = (arguments.short(), arguments.short(), arguments.u8());
        let header = self.frame().await.expect("a content header");
        assert_eq!(header.kind, HEADER);
        let (size, message_id) = content_header(&header.payload);
        let mut body = Vec::new();
        while body.iter().map(|frame: &Frame| frame.payload.len() as u64).sum::<u64>() < size {
            body.push(self.frame().await.expect("a body"));
            assert_eq!(body.last().unwrap().kind, BODY);
        }
        self.tag += 1;
        Published {
            tag: self.tag,
            message_id: message_id.unwrap(),
            exchange,
            routing_key,
            mandatory: bits & 1 == 1,
            header,
            body,
        }
    }

    pub(crate) async fn ack(&mut self, tag: u64, multiple: bool) {
        self.send(Frame::method(1, 60, 80).u64(tag).u8(multiple.into())).await;
    }

    pub(crate) async fn nack(&mut self, tag: u64, multiple: bool) {
        self.send(Frame::method(1, 60, 120).u64(tag).u8(multiple.into())).await;
    }

    /// Sends a message back as unroutable.
    pub(crate) async fn give_back(&mut self, message: &Published) {
        self.send(
            Frame::method(1, 60, 50).u16(312).short("NO_ROUTE").short(&message.exchange).short(&message.routing_key),
        )
        .await;
        self.send(message.header.clone()).await;
        for frame in &message.body {
            self.send(frame.clone()).await;
        }
    }

    pub(crate) async fn close_channel(&mut self, code: u16, text: &str) {
        self.send(Frame::method(1, 20, 40).u16(code).short(text).u16(0).u16(0)).await;
    }

    pub(crate) async fn close_connection(&mut self, code: u16, text: &str) {
        self.send(Frame::method(0, 10, 50).u16(code).short(text).u16(0).u16(0)).await;
    }

    pub(crate) async fn block(&mut self, reason: &str) {
        self.send(Frame::method(0, 10, 60).short(reason)).await;
    }

    pub(crate) async fn unblock(&mut self) {
        self.send(Frame::method(0, 10, 61)).await;
    }

    /// Waits for the publisher to hang up, whatever it says before.
    pub(crate) async fn hung_up(&mut self) {
        while self.frame().await.is_some() {}
    }

    /// Whether nothing arrives for `time`, heartbeats aside.
    pub(crate) async fn is_quiet(&mut self, time: Duration) -> bool {
        timeout(time, self.method()).await.is_err()
    }

    /// The next method, heartbeats skipped.
    pub(crate) async fn method(&mut self) -> Frame {
        loop {
            let frame = self.frame().await.expect("the publisher stays");
            if frame.kind != HEARTBEAT {
                assert_eq!(frame.kind, METHOD);
                return frame;
            }
        }
    }

    pub(crate) async fn send(&mut self, frame: Frame) {
        self.send_bytes(&frame.bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.expect("the publisher listens");
    }

    /// The next frame; `None` when the publisher has hung up.
    async fn frame(&mut self) -> Option<Frame> {
        let read = async {
            let kind = self.stream.read_u8().await.ok()?;
            let channel = self.stream.read_u16().await.ok()?;
            let size = self.stream.read_u32().await.ok()?;
            let mut payload = vec![0; size as usize];
            self.stream.read_exact(&mut payload).await.ok()?;
            assert_eq!(self.stream.read_u8().await.ok()?, FRAME_END);
            Some(Frame { kind, channel, payload })
        };
        timeout(PATIENCE, read).await.expect("the publisher says something")
    }
}
