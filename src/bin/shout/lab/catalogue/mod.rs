//! The experiments, by group. Each is data and a client that can be read by itself.

mod acknowledgements;
mod closing;
mod further;
mod reads;
mod refused;
mod room;
mod tcp;
mod transfer;
mod udp;
mod web;

use super::experiment::{Experiment, Group};
use shoutd::slips;

/// All experiments, in the order of their groups.
pub fn all() -> Vec<&'static Experiment> {
    [
        tcp::ALL,
        reads::ALL,
        udp::ALL,
        refused::ALL,
        web::ALL,
        closing::ALL,
        transfer::ALL,
        further::ALL,
        acknowledgements::ALL,
        room::ALL,
    ]
    .concat()
}

/// The experiments of a group.
pub fn of(group: Group) -> Vec<&'static Experiment> {
    all().into_iter().filter(|experiment| experiment.group == group).collect()
}

/// The experiment of this name.
pub fn named(name: &str) -> Option<&'static Experiment> {
    all().into_iter().find(|experiment| experiment.name == name)
}

/// The name that was probably meant, `all` included.
pub fn nearest(name: &str) -> Option<&'static str> {
    slips::nearest(
        &name.to_ascii_lowercase(),
        all().into_iter().map(|experiment| experiment.name).chain(["all"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_experiment_has_a_name_of_its_own_and_something_to_say() {
        let all = all();
        assert_eq!(all.len(), 26);
        for experiment in &all {
            assert_eq!(named(experiment.name).map(|found| found.line), Some(experiment.line));
            assert!(!experiment.questions.is_empty(), "{} asks nothing", experiment.name);
            let about = [experiment.line, experiment.client, experiment.because];
            assert!(about.iter().all(|text| !text.is_empty()), "{}", experiment.name);
            let connections = experiment.expected.iter().map(|expect| expect.connection);
            assert!(connections.clone().all(|connection| connection >= 1), "{}", experiment.name);
        }
        assert_eq!(Group::ALL.iter().map(|group| of(*group).len()).sum::<usize>(), all.len());
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_experiment() {
        for (slip, meant) in
            [("onshot", "oneshot"), ("nagel", "nagle"), ("two-message", "two-messages"), ("al", "all")]
        {
            assert_eq!(nearest(slip), Some(meant));
        }
        assert_eq!(nearest("photosynthesis"), None);
    }
}
