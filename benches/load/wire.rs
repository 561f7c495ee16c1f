//! A lean HTTP/1.1 client: one keep-alive connection, one request at a time, no allocation per call.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
pub(crate) struct Reply<'a> {
    /// The status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Wire {
    /// Connects.
    pub(crate) async fn to(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024] })
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Reply<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (head_len, body_len) = loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(head_len) = end_of_head(&self.buffer[..filled]) {
                break (head_len, body_length(&self.buffer[..head_len])?);
            }
        };
        let whole = head_len + body_len;
        if whole > self.buffer.len() {
            return Err(Error::other("the answer is larger than anything this service should say"));
        }
        while filled < whole {
            let read = self.stream.read(&mut self.buffer[filled..whole]).await?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += read;
        }
        Ok(Reply { status: status(&self.buffer[..head_len])?, body: &self.buffer[head_len..whole] })
    }

    /// Returns when the service has ended the connection.
    pub(crate) async fn closed(&mut self) {
        // Whatever comes, for nothing was asked: data, an end or an error.
        let _ended = self.stream.read(&mut self.buffer).await;
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn status(head: &[u8]) -> Result<u16> {
    let digits = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| Error::other("not an HTTP/1.1 status line"))
}

/// Every answer of this service has a `Content-Length`, or no body.
fn body_length(head: &[u8]) -> Result<usize> {
    let text = std::str::from_utf8(head).map_err(|_| Error::other("the head is not text"))?;
    for line in text.split("\r\n") {
        if line.len() > 15 && line.as_bytes()[..15].eq_ignore_ascii_case(b"content-length:") {
            return line[15..].trim().parse().map_err(|_| Error::other("a strange content-length"));
        }
        if line.len() > 18 && line.as_bytes()[..18].eq_ignore_ascii_case(b"transfer-encoding:") {
            return Err(Error::other("a chunked answer, which this client does not read"));
        }
    }
    Ok(0)
}

/// A request with a JSON body, or without one.
pub(crate) fn request(out: &mut Vec<u8>, method: &str, path: &str, headers: &str, body: &str) {
    out.clear();
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    out.extend_from_slice(headers.as_bytes());
    if !body.is_empty() {
        out.extend_from_slice(b"content-length: ");
        out.extend_from_slice(body.len().to_string().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body.as_bytes());
}

/// The header of a JSON body.
pub(crate) const JSON: &str = "content-type: application/json\r\n";

/// A text of a flat JSON object, without parsing the whole: the generator has no time for that.
pub(crate) fn text<'a>(body: &'a [u8], key: &str) -> Option<&'a str> {
    let body = std::str::from_utf8(body).ok()?;
    let start = body.find(&format!("\"{key}\":\""))? + key.len() + 4;
    let len = body[start..].find('"')?;
    Some(&body[start..start + len])
}
