//! What is said about a tool, outside its help.

/// A tool, in words. One of these stands in each tool's file; lists, man pages and the README come from it.
pub struct Meta {
    /// bcc's name.
    pub name: &'static str,
    /// One line: what it shows.
    pub summary: &'static str,
    /// Questions that it answers.
    pub questions: &'static [&'static str],
    /// Short options that bcc gives to options all tools have.
    pub shorts: &'static [(char, &'static str)],
    /// Paragraphs for the man page.
    pub description: &'static str,
    /// Commands with what they do, for the man page.
    pub examples: &'static [(&'static str, &'static str)],
    /// What it costs.
    pub overhead: &'static str,
    /// Which kernels, with which hooks.
    pub kernel_support: &'static str,
}
