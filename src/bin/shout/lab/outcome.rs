//! One run of an experiment, from setting the stage to the verdict.

use super::experiment::Experiment;
use super::facts::Facts;
use super::serves::Change;
use super::stage::{Counts, Stage};
use super::story::{self, Line};
use super::transfer::{self, Figures};
use super::verdict::{self, Mark, Row};
use shoutd::trouble::Trouble;
use shoutd::wire::capture::{Capture, Captured, Ports};
use shoutd::wire::conversation::Conversations;
use shoutd::wire::packet::Packet;
use shoutd::wire::words;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What precedes the reasons where a prediction has failed: they were written for one that holds.
const OTHERWISE: &str = "Something went another way than predicted (✗ above), so these are the reasons of \
                         the predicted course, and figures in them may belong to other packets. Had it \
                         gone as predicted: ";

/// All that came of a run.
pub struct Outcome {
    /// What was run.
    pub experiment: &'static Experiment,
    /// The options that replaced those of its server.
    pub change: Change,
    /// Predicted against measured.
    pub rows: Vec<Row>,
    /// The packets, unless capturing isn't possible.
    pub captured: Option<Captured>,
    /// Who talked to whom in them.
    pub conversations: Conversations,
    /// A few words on each packet.
    pub words: Vec<String>,
    /// What the kernel has counted, connection by connection.
    pub counts: Vec<Counts>,
    /// Why it happened as it did; where a prediction has failed, this says that it is why it should have.
    pub why: String,
    /// What the server told meanwhile.
    pub story: Vec<Line>,
    /// The figures of `transfer`.
    pub figures: Vec<Figures>,
    /// How long the client took.
    pub took: Duration,
    /// Where each of the experiment's servers listened, in its order.
    pub places: Vec<SocketAddr>,
}

/// Where packets can be seen.
#[derive(Clone, Debug)]
pub enum Sight {
    /// Everywhere: this network is ours.
    Own,
    /// On the ports of the experiment only, as others use this network too.
    Shared,
    /// Nowhere, and why.
    None(String),
}

impl Outcome {
    /// Runs an experiment. Fails where there is nothing to compare: the stage can't be set, or the client
    /// can't do its part.
    pub fn of(experiment: &'static Experiment, sight: &Sight, change: &Change) -> Result<Outcome, Trouble> {
        story::take();
        let mut stage = Stage::set_up(experiment.serves, change)?;
        let capture = match sight {
            Sight::Own => Some(Capture::start(Ports::All)?),
            Sight::Shared => Some(Capture::start(Ports::Only(stage.ports()))?),
            Sight::None(_) => None,
        };
        let start = Instant::now();
        let result = (experiment.run)(&mut stage);
        let took = start.elapsed();
        // What the server sends when it is ended is not of the experiment, so the capture ends first.
        let captured = capture.map(Capture::finish).transpose()?;
        let story = story::take();
        stage.tear_down();
        result?;
        Ok(Outcome { change: change.clone(), ..Outcome::judged(experiment, stage, captured, story, took) })
    }

    fn judged(
        experiment: &'static Experiment,
        stage: Stage,
        captured: Option<Captured>,
        story: Vec<Line>,
        took: Duration,
    ) -> Outcome {
        let packets: &[Packet] = captured.as_ref().map_or(&[], |captured| &captured.packets);
        let conversations = Conversations::of(packets);
        let words = words::explain(packets, &conversations);
        let told = |name: &str| stage.told(name);
        let mut rows = match &captured {
            None => verdict::unseen(experiment.expected, &told),
            Some(_) if experiment.expected.is_empty() => Vec::new(),
            Some(_) => verdict::compare(experiment.expected, packets, &conversations, &told),
        };
        if let Some(captured) = captured.as_ref().filter(|captured| captured.dropped > 0) {
            let measured = format!("{} packets", captured.dropped);
            rows.push(Row::check("the capture loses nothing", measured, Mark::No));
        }
        rows.extend(stage.rows.iter().cloned());
        let mut facts = Facts {
            rows,
            packets,
            conversations: &conversations,
            told: &told,
            captured: captured.is_some(),
            transfers: &stage.transfers,
        };
        if let Some(judge) = experiment.judge {
            judge(&mut facts);
        }
        let mut why = (experiment.why)(&facts);
        if facts.rows.iter().any(|row| row.mark == Mark::No) {
            why.insert_str(0, OTHERWISE);
        }
        let figures = transfer::figures(&stage.transfers, packets, &conversations);
        let rows = facts.rows;
        let counts = stage.counts.clone();
        let places = stage.places().to_vec();
        Outcome {
            experiment,
            change: Change::default(),
            rows,
            captured,
            conversations,
            words,
            counts,
            why,
            story,
            figures,
            took,
            places,
        }
    }

    /// Its server, as one would start it by hand.
    pub fn server(&self) -> String {
        self.experiment.server(&self.change)
    }

    /// Whether nothing contradicts the prediction.
    pub fn agrees(&self) -> bool {
        self.rows.iter().all(|row| row.mark != Mark::No)
    }

    /// ✓, ✗, or ? where nothing contradicts it, but packets weren't seen.
    pub fn mark(&self) -> Mark {
        if !self.agrees() {
            Mark::No
        } else if self.captured.is_none() {
            Mark::Unseen
        } else {
            Mark::Yes
        }
    }

    /// The packets; none without a capture.
    pub fn packets(&self) -> &[Packet] {
        self.captured.as_ref().map_or(&[], |captured| &captured.packets)
    }

    /// The whole verdict in a line.
    pub fn verdict(&self) -> String {
        let agreed = self.rows.iter().filter(|row| row.mark == Mark::Yes).count();
        let wrong = self.rows.iter().filter(|row| row.mark == Mark::No).count();
        match self.mark() {
            Mark::No => {
                format!("✗ {}: {wrong} of {} rows are not as predicted", self.experiment.name, agreed + wrong)
            }
            Mark::Yes => format!("✓ {}: all {agreed} rows are as predicted", self.experiment.name),
            _ => format!(
                "? {}: {agreed} rows are as predicted, the packets were not seen",
                self.experiment.name
            ),
        }
    }
}
