//! What to say to somebody who lacks an interpreter or a client: the command of this host's distribution.

use super::Language;

/// Distributions that install packages in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Debian,
    RedHat,
    Suse,
    Alpine,
    Arch,
    Other,
}

/// This host's.
pub(super) fn family() -> Family {
    let text = std::fs::read_to_string("/etc/os-release")
        .or_else(|_| std::fs::read_to_string("/usr/lib/os-release"));
    parse(&text.unwrap_or_default())
}

/// From os-release(5): `ID`, or what `ID_LIKE` says it is like.
fn parse(text: &str) -> Family {
    let value = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().trim_matches(['"', '\'']).to_lowercase()
    };
    let words = format!("{} {}", value("ID"), value("ID_LIKE"));
    let family = words.split_whitespace().find_map(|word| match word {
        "debian" | "ubuntu" => Some(Family::Debian),
        "fedora" | "rhel" | "centos" | "amzn" => Some(Family::RedHat),
        "suse" | "opensuse" | "sles" => Some(Family::Suse),
        "alpine" => Some(Family::Alpine),
        "arch" => Some(Family::Arch),
        _ => None,
    });
    family.unwrap_or(Family::Other)
}

/// How to get an interpreter. Without a version: any that the loops can run will do, and distributions
/// have one of them only.
pub(super) fn interpreter(language: Language, family: Family) -> &'static str {
    match (language, family) {
        (Language::Python, Family::Debian) => "apt install python3",
        (Language::Python, Family::RedHat) => "dnf install python3",
        (Language::Python, Family::Suse) => "zypper install python3",
        (Language::Python, Family::Alpine) => "apk add python3",
        (Language::Python, Family::Arch) => "pacman -S python",
        (Language::Python, Family::Other) => "from python.org or your distribution",
        (Language::Node, Family::Debian) => "apt install nodejs",
        (Language::Node, Family::RedHat) => "dnf install nodejs",
        (Language::Node, Family::Suse) => "zypper install nodejs",
        (Language::Node, Family::Alpine) => "apk add nodejs",
        (Language::Node, Family::Arch) => "pacman -S nodejs",
        (Language::Node, Family::Other) => "from nodejs.org or your distribution",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_told_apart() {
        for (text, family) in [
            ("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", Family::Debian),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Family::Debian),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Family::RedHat),
            ("ID=\"amzn\"\nID_LIKE=\"fedora\"\n", Family::RedHat),
            ("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", Family::Suse),
            ("ID=alpine\nVERSION_ID=3.20.1\n", Family::Alpine),
            ("ID=arch\n", Family::Arch),
            ("ID=gentoo\n", Family::Other),
            ("", Family::Other),
        ] {
            assert_eq!(parse(text), family, "{text}");
        }
    }
}
