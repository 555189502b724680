//! Replays what the fuzzers have found worth keeping: `tests/fuzz/corpus/NAME/` holds the inputs of the target
//! NAME, the ones that once failed among them. To look for more, see CONTRIBUTING.md.

#[path = "fuzz/src/lib.rs"]
mod fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What all of it may take in the repository.
const MOST_FILES: usize = 800;
const MOST_BYTES: u64 = 1024 * 1024;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_kept_input_passes_its_target() {
    let mut failed = Vec::new();
    for (name, check) in fuzz::TARGETS {
        let files = files_in(&corpus().join(name));
        assert!(files.len() >= 10, "{name} has only {} inputs", files.len());
        for file in files {
            let input = fs::read(&file).unwrap();
            if std::panic::catch_unwind(|| check(&input)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "these fail: {failed:#?}");
}

#[test]
fn every_folder_has_a_target_and_all_are_small() {
    let targets: BTreeSet<&str> = fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
    let (mut files, mut bytes) = (0, 0);
    for folder in files_in(&corpus()) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let without_client = cfg!(not(feature = "client")) && name == "captures";
        assert!(targets.contains(name.as_str()) || without_client, "{name} is the corpus of nobody");
        for file in files_in(&folder) {
            files += 1;
            bytes += fs::metadata(&file).unwrap().len();
        }
    }
    assert!(files <= MOST_FILES && bytes <= MOST_BYTES, "{files} files of {bytes} bytes: see .ci/fuzz");
}
