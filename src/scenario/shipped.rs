//! What comes with the program: registries, stack presets and scenarios, each by name.

/// Registries by name.
pub const REGISTRIES: [(&str, &str); 2] = [
    ("stage4", include_str!("../../scenarios/registries/stage4.toml")),
    ("vendors-2026-08", include_str!("../../scenarios/registries/vendors-2026-08.toml")),
];

/// Stack presets by name.
pub const PRESETS: [(&str, &str); 8] = [
    ("stage4", include_str!("presets/stage4.toml")),
    ("litellm", include_str!("presets/litellm.toml")),
    ("bifrost", include_str!("presets/bifrost.toml")),
    ("portkey", include_str!("presets/portkey.toml")),
    ("envoy-ai-gateway", include_str!("presets/envoy-ai-gateway.toml")),
    ("helicone", include_str!("presets/helicone.toml")),
    ("tensorzero", include_str!("presets/tensorzero.toml")),
    ("openai-python", include_str!("presets/openai-python.toml")),
];

/// The text of `name` in a list of shipped files.
#[must_use]
pub fn text_of(list: &[(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    list.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names in a list of shipped files.
#[must_use]
pub fn names_of(list: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    list.iter().map(|(name, _)| *name).collect()
}
