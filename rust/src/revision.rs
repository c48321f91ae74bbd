//! Which revision knows which method, and which way it goes.

/// A dated edition of the MCP specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Revision {
    /// 2024-11-05
    R20241105 = 0,
    /// 2025-03-26
    R20250326 = 1,
    /// 2025-06-18
    R20250618 = 2,
    /// 2025-11-25
    R20251125 = 3,
    /// 2026-07-28
    R20260728 = 4,
}

impl Revision {
    /// Every released revision, oldest first.
    pub const ALL: [Self; 5] =
        [Self::R20241105, Self::R20250326, Self::R20250618, Self::R20251125, Self::R20260728];
    /// The newest revision with sessions.
    pub const LEGACY: Self = Self::R20251125;
    /// The revision without sessions.
    pub const MODERN: Self = Self::R20260728;

    /// The date that names it on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::R20241105 => "2024-11-05",
            Self::R20250326 => "2025-03-26",
            Self::R20250618 => "2025-06-18",
            Self::R20251125 => "2025-11-25",
            Self::R20260728 => "2026-07-28",
        }
    }

    /// The revision of this date.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.name() == name)
    }

    /// The revision with this number.
    pub fn number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| *revision as u8 == number)
    }

    /// Whether it has no sessions.
    pub const fn is_modern(self) -> bool {
        matches!(self, Self::R20260728)
    }
}

/// A method that a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `initialize`
    Initialize,
    /// `ping`
    Ping,
    /// `tools/list`
    ToolsList,
    /// `prompts/list`
    PromptsList,
    /// `resources/list`
    ResourcesList,
    /// `resources/templates/list`
    TemplatesList,
    /// `tools/call`
    ToolsCall,
    /// `prompts/get`
    PromptsGet,
    /// `resources/read`
    ResourcesRead,
    /// `completion/complete`
    Complete,
    /// `server/discover`
    Discover,
    /// `subscriptions/listen`
    Listen,
    /// `logging/setLevel`
    SetLevel,
    /// `resources/subscribe`
    Subscribe,
    /// `resources/unsubscribe`
    Unsubscribe,
    /// `notifications/cancelled`
    Cancelled,
    /// Any other notification.
    Notification,
}

/// Name, method, known to legacy revisions, known to the modern one.
const REQUESTS: [(&str, Method, bool, bool); 15] = [
    ("tools/call", Method::ToolsCall, true, true),
    ("tools/list", Method::ToolsList, true, true),
    ("resources/read", Method::ResourcesRead, true, true),
    ("prompts/get", Method::PromptsGet, true, true),
    ("completion/complete", Method::Complete, true, true),
    ("prompts/list", Method::PromptsList, true, true),
    ("resources/list", Method::ResourcesList, true, true),
    ("resources/templates/list", Method::TemplatesList, true, true),
    ("initialize", Method::Initialize, true, false),
    ("ping", Method::Ping, true, false),
    ("server/discover", Method::Discover, false, true),
    ("subscriptions/listen", Method::Listen, false, true),
    ("logging/setLevel", Method::SetLevel, true, false),
    ("resources/subscribe", Method::Subscribe, true, false),
    ("resources/unsubscribe", Method::Unsubscribe, true, false),
];

impl Method {
    /// The request method of this name in an era; `None` when that era has none.
    pub fn request(name: &str, modern: bool) -> Option<Self> {
        let row = REQUESTS.iter().find(|row| row.0 == name)?;
        (if modern { row.3 } else { row.2 }).then_some(row.1)
    }

    /// The notification of this name.
    pub fn notification(name: &str) -> Self {
        if name == "notifications/cancelled" { Self::Cancelled } else { Self::Notification }
    }

    /// Whether its server may ask for input before it answers.
    pub const fn takes_input(self) -> bool {
        matches!(self, Self::ToolsCall | Self::PromptsGet | Self::ResourcesRead)
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        REQUESTS.iter().find(|row| row.1 == self).map_or("notification", |row| row.0)
    }
}
