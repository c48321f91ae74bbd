//! HTTP/1.1 messages cut out of a buffer.

use httparse::{Header, Status};
use std::borrow::Cow;

const HEADERS: usize = 48;

/// A complete request.
pub struct Request<'a> {
    /// `GET`, `POST` and so on.
    pub method: &'a str,
    /// The target as sent.
    pub path: &'a str,
    /// Whether the 2026-07-28 revision header is there.
    pub modern: bool,
    /// The body.
    pub body: Cow<'a, [u8]>,
    /// Bytes of the buffer that it took.
    pub taken: usize,
}

/// A complete response.
pub struct Response<'a> {
    /// The status code.
    pub status: u16,
    /// The session that an answer to `initialize` opens.
    pub session: Option<String>,
    /// Whether the body is a stream of events.
    pub events: bool,
    /// Whether the other side closes now.
    pub closes: bool,
    /// The body, without chunk framing.
    pub body: Cow<'a, [u8]>,
    /// Bytes of the buffer that it took.
    pub taken: usize,
}

/// Cut one request; None while it is incomplete.
pub fn read_request(buffer: &[u8]) -> Result<Option<Request<'_>>, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let Status::Complete(size) = head.parse(buffer).map_err(|fault| fault.to_string())? else {
        return Ok(None);
    };
    let (method, path) = (head.method.unwrap_or(""), head.path.unwrap_or(""));
    let Some((body, taken)) = read_body(buffer, size, head.headers)? else {
        return Ok(None);
    };
    Ok(Some(Request {
        method,
        path,
        modern: find(head.headers, "mcp-protocol-version")
            .is_some_and(|value| value == b"2026-07-28"),
        body,
        taken,
    }))
}

/// Cut one response; None while it is incomplete.
pub fn read_response(buffer: &[u8]) -> Result<Option<Response<'_>>, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let Status::Complete(size) = head.parse(buffer).map_err(|fault| fault.to_string())? else {
        return Ok(None);
    };
    let Some((body, taken)) = read_body(buffer, size, head.headers)? else {
        return Ok(None);
    };
    let content_type = find(head.headers, "content-type").unwrap_or_default();
    Ok(Some(Response {
        status: head.code.unwrap_or(0),
        session: find(head.headers, "mcp-session-id")
            .map(|value| String::from_utf8_lossy(value).into_owned()),
        events: content_type.starts_with(b"text/event-stream"),
        closes: find(head.headers, "connection")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"close")),
        body,
        taken,
    }))
}

fn find<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

type Body<'a> = Option<(Cow<'a, [u8]>, usize)>;

fn read_body<'a>(
    buffer: &'a [u8],
    start: usize,
    headers: &[Header<'_>],
) -> Result<Body<'a>, String> {
    if find(headers, "transfer-encoding").is_some() {
        return read_chunks(buffer, start);
    }
    let length = match find(headers, "content-length") {
        None => 0,
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .ok_or("content-length is no number")?,
    };
    let end = start.checked_add(length).ok_or("content-length is too large")?;
    Ok(buffer.get(start..end).map(|body| (Cow::Borrowed(body), end)))
}

fn read_chunks(buffer: &[u8], start: usize) -> Result<Body<'_>, String> {
    let mut body = Vec::new();
    let mut at = start;
    loop {
        let rest = buffer.get(at..).unwrap_or_default();
        let found = httparse::parse_chunk_size(rest).map_err(|_| "chunk size is no number")?;
        let Status::Complete((skip, size)) = found else {
            return Ok(None);
        };
        let size = usize::try_from(size).map_err(|_| "chunk is too large")?;
        let from = at.saturating_add(skip);
        let to = from.saturating_add(size);
        let end = to.saturating_add(2);
        if buffer.get(to..end) != Some(b"\r\n") {
            return if buffer.len() < end { Ok(None) } else { Err("chunk has no end".to_owned()) };
        }
        if size == 0 {
            return Ok(Some((Cow::Owned(body), end)));
        }
        body.extend_from_slice(buffer.get(from..to).unwrap_or_default());
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_cut_when_it_is_complete() {
        let text = b"POST /mcp HTTP/1.1\r\nContent-Length: 2\r\nMCP-Protocol-Version: 2026-07-28\r\n\r\n{}GET";
        for end in 0..text.len() - 3 {
            assert!(read_request(&text[..end]).unwrap().is_none());
        }
        let request = read_request(text).unwrap().unwrap();
        assert_eq!((request.method, request.path, request.modern), ("POST", "/mcp", true));
        assert_eq!(&*request.body, b"{}");
        assert_eq!(request.taken, text.len() - 3);
    }

    #[test]
    fn a_chunked_response_is_joined() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        for end in 0..text.len() {
            assert!(read_response(&text[..end]).unwrap().is_none());
        }
        let response = read_response(text).unwrap().unwrap();
        assert!(response.events);
        assert_eq!(&*response.body, b"abc0123456789");
        assert_eq!(response.taken, text.len());
    }

    #[test]
    fn broken_framing_is_an_error() {
        assert!(read_response(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
        assert!(
            read_response(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n")
                .is_err()
        );
    }
}
