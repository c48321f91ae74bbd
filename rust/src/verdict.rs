//! What the gate says: outcomes, steps, reasons and the one error table.

use std::sync::Arc;

use crate::bridge::More;
use crate::ticket::Ticket;

/// How a verdict or an exchange came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// The message goes to a server.
    Forward = 0,
    /// The gate holds the reply.
    Answer = 1,
    /// The message stops here.
    Refuse = 2,
    /// The exchange ended with its reply.
    Done = 3,
    /// The exchange ended with an error of ours.
    Failed = 4,
    /// The client took the request back.
    Cancelled = 5,
    /// Nobody waited for the reply any more.
    Abandoned = 6,
    /// The deadline passed.
    Deadline = 7,
    /// The link broke in the middle.
    Lost = 8,
}

impl Outcome {
    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Answer => "answer",
            Self::Refuse => "refuse",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
            Self::Deadline => "deadline",
            Self::Lost => "lost",
        }
    }

    /// The ending with this number; anything else counts as failed.
    pub const fn ending(number: u8) -> Self {
        match number {
            3 => Self::Done,
            5 => Self::Cancelled,
            6 => Self::Abandoned,
            7 => Self::Deadline,
            8 => Self::Lost,
            _ => Self::Failed,
        }
    }
}

/// An ordered check of a message's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The listener cut the transport into messages.
    Frame,
    /// Who is calling.
    Authenticate,
    /// One JSON-RPC object.
    Read,
    /// A method of this revision, headers and body agreeing.
    Method,
    /// A visible entry.
    Entry,
    /// Arguments as the tool's schema says.
    Schema,
    /// The call on the link.
    Call,
    /// The server's reply.
    Review,
}

impl Step {
    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Authenticate => "authenticate",
            Self::Read => "read",
            Self::Method => "method",
            Self::Entry => "entry",
            Self::Schema => "schema",
            Self::Call => "call",
            Self::Review => "review",
        }
    }
}

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The caller's.
    Client,
    /// The server's.
    Upstream,
    /// Ours.
    Gateway,
}

impl Side {
    /// The name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
        }
    }
}

/// One row of the error table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The closed code of the refusal.
    pub name: &'static str,
    /// The JSON-RPC code.
    pub code: i32,
    /// The HTTP status, where the refusal is not a JSON-RPC error in a 200.
    pub status: u16,
    /// Whether legacy clients get it as a JSON-RPC error in a 200.
    pub in_200: bool,
    /// Whose fault it is.
    pub side: Side,
    /// The step that refuses with it.
    pub step: Step,
    /// Whether the same message may succeed later.
    pub retryable: bool,
    /// What the client is told.
    pub text: &'static str,
}

macro_rules! reasons {
    ($($variant:ident = $name:literal $code:literal $status:literal $in_200:literal $side:ident $step:ident $retry:literal $text:literal;)*) => {
        /// Why the gate refuses; closed and listable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Reason { $(#[doc = $text] $variant,)* }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The row of the error table.
            pub const fn row(self) -> Row {
                match self { $(Self::$variant => Row {
                    name: $name, code: $code, status: $status, in_200: $in_200, side: Side::$side,
                    step: Step::$step, retryable: $retry, text: $text,
                },)* }
            }

            /// The reason of this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

reasons! {
    Parse = "parse" -32700 400 false Client Read false "The body is not one acceptable JSON value.";
    InvalidRequest = "invalid_request" -32600 400 false Client Read false "The body is not a JSON-RPC 2.0 message.";
    Batch = "batch" -32600 400 false Client Read false "Batches are not accepted; send one message per request.";
    MethodUnknown = "method_unknown" -32601 404 true Client Method false "The method does not exist in this revision.";
    Params = "params" -32602 400 true Client Method false "The params are not what the method takes.";
    UnknownTool = "unknown_tool" -32602 400 true Client Entry false "Unknown tool.";
    UnknownPrompt = "unknown_prompt" -32602 400 true Client Entry false "Unknown prompt.";
    UnknownResource = "unknown_resource" -32602 400 true Client Entry false "Resource not found.";
    Arguments = "arguments" -32602 200 true Client Schema false "The arguments are not what the tool's schema says.";
    Cursor = "cursor" -32602 400 true Client Method false "The cursor is unknown or out of date; list again without a cursor.";
    HeaderMismatch = "header_mismatch" -32020 400 false Client Method false "A mirrored MCP header is missing, doubled or differs from the body.";
    RevisionUnsupported = "revision_unsupported" -32022 400 false Client Method false "Unsupported protocol version.";
    SessionMissing = "session_missing" -32600 400 false Client Authenticate false "The Mcp-Session-Id header is missing; send initialize first.";
    SessionUnknown = "session_unknown" -32600 404 false Client Authenticate false "The session is unknown or has ended; send initialize again.";
    EventUnknown = "event_unknown" -32600 400 false Client Frame false "The Last-Event-ID is unknown or too old; nothing of that stream is left.";
    TooLarge = "too_large" -32600 413 false Client Frame false "The body is larger than the gateway accepts.";
    SlowBody = "slow_body" -32600 408 false Client Frame true "The body did not arrive in time.";
    MediaType = "media_type" -32600 415 false Client Frame false "Content-Type must be application/json.";
    NotAcceptable = "not_acceptable" -32600 406 false Client Frame false "Accept must list application/json and text/event-stream (for GET: text/event-stream).";
    Origin = "origin" -32600 403 false Client Frame false "This Origin is not allowed; list it under origins of the listener.";
    Host = "host" -32600 421 false Client Frame false "This Host is not served here; list it under hosts of the listener.";
    MethodNotAllowed = "method_not_allowed" -32600 405 false Client Frame false "This HTTP method is not allowed here.";
    PathUnknown = "path_unknown" -32600 404 false Client Frame false "Nothing is served at this path.";
    Unavailable = "unavailable" -31005 200 true Upstream Call true "The server is not reachable now; the call was not run.";
    Unreadable = "unreadable" -31005 200 true Upstream Review false "The server's answer could not be read.";
    ResultSchema = "result_schema" -31005 200 true Upstream Review false "The server's result is not what the tool's output schema says.";
    Secret = "secret" -31001 200 true Upstream Review false "The server's answer holds a secret and was not passed on.";
    Lost = "lost" -31005 200 true Upstream Call false "The link to the server broke before its answer; the call may have run.";
    Deadline = "deadline" -31006 200 true Upstream Call false "The server did not answer in time; the call may have run.";
    ReplyTooLarge = "reply_too_large" -31010 200 true Upstream Review false "The server's answer is larger than the gateway accepts.";
    Capability = "capability" -31008 200 true Gateway Review false "The server asked for something that this client's revision or session cannot do.";
    InputLate = "input_late" -31008 200 true Client Call true "The call that waited for this input has ended; call again.";
    InputRefused = "input_refused" -31008 200 true Client Call false "The client did not give the input that the server asked for.";
    Rounds = "rounds" -31008 200 true Upstream Review false "The server asked for input too many times in one call.";
    AnswerUnknown = "answer_unknown" -32600 400 false Client Method false "No request waits for this response in this session.";
    Overloaded = "overloaded" -31007 200 true Gateway Frame true "The gateway cannot take this message now; try again later.";
    Draining = "draining" -31007 503 false Gateway Frame true "The gateway is stopping; try again on a new connection.";
    Internal = "internal" -32603 500 true Gateway Frame false "The gateway failed on this message; give the eventId to its operator.";
}

/// The gate's answer on one message.
#[derive(Debug)]
pub struct Verdict {
    /// Forward, answer or refuse.
    pub outcome: Outcome,
    /// Bytes for the server (forward) or the client.
    pub body: Vec<u8>,
    /// HTTP status of an answer or refusal.
    pub status: u16,
    /// What an open exchange holds.
    pub ticket: Option<Arc<Ticket>>,
    /// Mirrored header lines for a modern HTTP server.
    pub head: Vec<u8>,
    /// The sealed id of a new session.
    pub session: String,
    /// Lists that a listen stream follows, with [`LISTEN`] set on every listen.
    pub streams: u8,
    /// The raw id of a listen request.
    pub subscription: Vec<u8>,
    /// The raw id that a cancel names.
    pub cancels: Vec<u8>,
    /// What concerns requests of a server, and subscriptions; most messages have none of it.
    pub more: Option<Box<More>>,
    /// Whether a reviewed message ends its exchange.
    pub last: bool,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// The event that explains it.
    pub event: String,
}

/// Set in [`Verdict::streams`] for every listen, also one that follows nothing.
pub const LISTEN: u8 = 8;

impl Verdict {
    /// A verdict with nothing in it yet.
    pub const fn new(outcome: Outcome, body: Vec<u8>, status: u16, event: String) -> Self {
        Self {
            outcome,
            body,
            status,
            ticket: None,
            head: Vec::new(),
            session: String::new(),
            streams: 0,
            subscription: Vec::new(),
            cancels: Vec::new(),
            more: None,
            last: true,
            reason: None,
            event,
        }
    }
}
