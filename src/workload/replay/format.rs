//! The trace formats by name.

/// A trace format (spec trace-formats.md; our own two in docs/reference/trace-format.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Our own, as CSV.
    NativeCsv,
    /// Our own, as one JSON object a line.
    NativeJsonl,
    /// The gateway's usage and error logs, exported by sub2api-export.sql.
    GatewayLog,
    /// Azure LLM inference, 2023.
    AzureLlm2023,
    /// Azure LLM inference, 2024.
    AzureLlm2024,
    /// Azure multimodal inference, 2024.
    AzureLmm2024,
    /// BurstGPT 1 and 2: without sessions.
    BurstGpt,
    /// BurstGPT 3: with sessions and elapsed time.
    BurstGpt3,
    /// Mooncake.
    Mooncake,
    /// RAGPulse.
    RagPulse,
    /// Claude Code sessions of the WEKA corpus: one JSON file a session.
    Weka,
    /// Qwen Bailian.
    Qwen,
    /// Codex rollouts: one JSONL file a session.
    Codex,
    /// Claude Code transcripts: one JSONL file a session.
    Claude,
    /// A folder with Codex rollouts and Claude Code transcripts.
    Transcripts,
    /// The CSV or Excel file of the gateway's usage page.
    Usage,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 16] = [
        Self::NativeCsv,
        Self::NativeJsonl,
        Self::GatewayLog,
        Self::AzureLlm2023,
        Self::AzureLlm2024,
        Self::AzureLmm2024,
        Self::BurstGpt,
        Self::BurstGpt3,
        Self::Mooncake,
        Self::RagPulse,
        Self::Weka,
        Self::Qwen,
        Self::Codex,
        Self::Claude,
        Self::Transcripts,
        Self::Usage,
    ];

    /// Its name on the command line and in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NativeCsv => "csv",
            Self::NativeJsonl => "jsonl",
            Self::GatewayLog => "gateway-log",
            Self::AzureLlm2023 => "azure-llm-2023",
            Self::AzureLlm2024 => "azure-llm-2024",
            Self::AzureLmm2024 => "azure-lmm-2024",
            Self::BurstGpt => "burstgpt",
            Self::BurstGpt3 => "burstgpt-3",
            Self::Mooncake => "mooncake",
            Self::RagPulse => "ragpulse",
            Self::Weka => "weka",
            Self::Qwen => "qwen",
            Self::Codex => "codex",
            Self::Claude => "claude",
            Self::Transcripts => "transcripts",
            Self::Usage => "usage",
        }
    }

    /// The format of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}
