//! What the memory of a process is made of, as Linux tells in /proc/PID/smaps_rollup and /proc/PID/smaps (proc_pid_smaps(5)). Knows
//! nothing of what the process does.

use std::{collections::BTreeMap, fmt};

/// The categories that are told of, of those in `smaps_rollup`.
const CATEGORIES: [&str; 10] = [
    "Rss",
    "Pss_Anon",
    "Pss_File",
    "Pss_Shmem",
    "Private_Dirty",
    "Private_Clean",
    "Shared_Dirty",
    "Shared_Clean",
    "SwapPss",
    "AnonHugePages",
];

/// One look at it. All is in KiB, and pages that several processes have are shared out among them where a name begins with `Pss`.
pub struct Pages {
    all: BTreeMap<String, i64>,
    /// By what is mapped and with which permissions.
    mappings: BTreeMap<String, Mapping>,
}

/// All mappings of one name and permissions together.
#[derive(Clone, Copy, Default)]
struct Mapping {
    size: i64,
    pss: i64,
}

impl Pages {
    /// Of this process.
    pub fn of(pid: u32) -> Self {
        let read = |name| std::fs::read_to_string(format!("/proc/{pid}/{name}")).expect("a process");
        Self::told(&read("smaps_rollup"), &read("smaps"))
    }

    fn told(rollup: &str, smaps: &str) -> Self {
        let all = rollup.lines().filter_map(field).map(|(name, kib)| (name.to_owned(), kib)).collect();
        Self { all, mappings: mappings(smaps) }
    }

    /// What no file holds, so that the system cannot take it away and read it again: memory of the process's own and memory that is shared,
    /// wherever it is kept.
    pub fn anonymous(&self) -> i64 {
        self.sum(&["Pss_Anon", "Pss_Shmem", "SwapPss"])
    }

    /// What of it stands in huge pages, which the system makes of small ones by itself and fills up with zeros.
    pub fn huge(&self) -> i64 {
        self.sum(&["AnonHugePages"])
    }

    /// Pages of files, which the system takes away and reads again as it likes.
    pub fn of_files(&self) -> i64 {
        self.sum(&["Pss_File"])
    }

    /// How much of files is mapped, in memory or not: there can be no more pages of them.
    pub fn mapped_of_files(&self) -> i64 {
        self.files().map(|mapping| mapping.size).sum()
    }

    /// How much of files is mapped so that what is written to it goes into the file. A page of another mapping is the process's own from when
    /// it writes to it, and no longer the file's; that one is `dirty` all the same is not its doing: the linker wrote it a moment ago.
    pub fn written_of_files(&self) -> i64 {
        self.mappings
            .iter()
            .filter(|(name, _)| name.starts_with('/') && name.ends_with("w-s"))
            .map(|(_, mapping)| mapping.size)
            .sum()
    }

    /// The mappings that have grown most since `before`, the first most, each with by how much.
    pub fn grown_since(&self, before: &Self) -> Vec<(&str, i64)> {
        let pss = |mapping: Option<&Mapping>| mapping.map_or(0, |mapping| mapping.pss);
        let growth = |(name, mapping): (&'_ String, _)| pss(Some(mapping)) - pss(before.mappings.get(name));
        let mut grown: Vec<_> =
            self.mappings.iter().map(|one| (one.0.as_str(), growth(one))).filter(|(_, growth)| *growth > 0).collect();
        grown.sort_by_key(|(_, growth)| -growth);
        grown.truncate(3);
        grown
    }

    fn files(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter().filter(|(name, _)| name.starts_with('/')).map(|(_, mapping)| mapping)
    }

    fn sum(&self, names: &[&str]) -> i64 {
        names.iter().map(|name| self.all.get(*name).copied().expect("a category")).sum()
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CATEGORIES.iter().enumerate().try_for_each(|(nth, name)| {
            let space = if nth == 0 { "" } else { ", " };
            write!(f, "{space}{name} {}", self.sum(&[name]))
        })
    }
}

/// A line `Name:   12 kB`.
fn field(line: &str) -> Option<(&str, i64)> {
    let (name, value) = line.split_once(':')?;
    Some((name, value.trim().strip_suffix(" kB")?.parse().ok()?))
}

/// A mapping begins with `from-to permissions offset device inode name`; lines of its fields follow.
fn mappings(smaps: &str) -> BTreeMap<String, Mapping> {
    let mut mappings: BTreeMap<String, Mapping> = BTreeMap::new();
    let mut now = &mut Mapping::default();
    for line in smaps.lines() {
        let Some((name, kib)) = field(line) else {
            let words: Vec<_> = line.split_whitespace().collect();
            if let [range, permissions, _, _, _, name @ ..] = &words[..]
                && range.contains('-')
            {
                now = mappings.entry(format!("{} {permissions}", name.first().unwrap_or(&"no name"))).or_default();
            }
            continue;
        };
        match name {
            "Size" => now.size += kib,
            "Pss" => now.pss += kib,
            _ => {}
        }
    }
    mappings
}

#[test]
fn memory_of_its_own_is_told_from_pages_of_files() {
    let smaps = |of_text: u32, shared: &str| {
        format!(
            "55d0-55f0 r-xp 00002000 fe:00 247282    /usr/bin/keygate\nSize: 128 kB\nPss: {of_text} kB\nProtectionKey: 0\nVmFlags: rd ex\n\
             55f0-5600 rw-p 00022000 fe:00 247282    /usr/bin/keygate\nSize: 64 kB\nPss: 12 kB\n\
             7f00-7f10 rw-p 00000000 00:00 0\nSize: 64 kB\nPss: 40 kB\n\
             7f20-7f30 {shared} 00000000 fe:00 7    /var/lib/a file\nSize: 64 kB\nPss: 0 kB\n"
        )
    };
    let rollup = "55d0-7f10 ---p 00000000 00:00 0    [rollup]\nPss_Anon: 48 kB\nPss_File: 24 kB\nPss_Shmem: 1 kB\nSwapPss: 2 kB\n\
                  AnonHugePages: 4 kB\n";
    let before = Pages::told(rollup, &smaps(20, "r--s"));
    assert_eq!((before.anonymous(), before.huge(), before.of_files()), (51, 4, 24));
    assert_eq!((before.mapped_of_files(), before.written_of_files()), (256, 0));
    let after = Pages::told(rollup, &smaps(33, "rw-s"));
    assert_eq!((after.mapped_of_files(), after.written_of_files()), (256, 64));
    assert_eq!((after.grown_since(&before), before.grown_since(&after)), (vec![("/usr/bin/keygate r-xp", 13)], vec![]));
}
