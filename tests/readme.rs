//! Runs the commands that the README and the start page tell people to type: documentation that is wrong
//! fails here.
//!
//! Each line that starts shoutd is started with free ports in place of those it names, and each line with
//! curl, nc or shout then meets those ports. Before any such line, they are those of a server with the defaults.

mod support;

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

const HOME: &str = env!("CARGO_MANIFEST_DIR");
const SCHEMES: [(&str, u16); 3] = [("tcp", 12000), ("udp", 12000), ("http", 8080)];

/// What a line of code tells its reader to do.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Words after `shoutd`, with the variables that stand before it.
    Start(Vec<String>, Vec<(String, String)>),
    /// A command line with curl or nc.
    Talk(String),
    /// A command line with shout, and what it printed when the text was written.
    Shout(String, Vec<String>),
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(HOME).join(name)).unwrap()
}

/// The code of a Markdown text, fenced or indented. Lines that end in a backslash are joined.
fn code_of_markdown(text: &str) -> Vec<String> {
    let (mut lines, mut fenced) = (Vec::<String>::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let Some(code) = (if fenced { Some(line) } else { line.strip_prefix("    ") }) else { continue };
        match lines.last_mut().and_then(|last| last.strip_suffix('\\').map(str::to_owned)) {
            Some(begun) => *lines.last_mut().unwrap() = begun + code.trim_start(),
            None => lines.push(code.trim_start().to_owned()),
        }
    }
    lines
}

/// The commands of a page: what stands in `<pre><code>`.
fn code_of_page(text: &str) -> Vec<String> {
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    let commands = text.split("<pre><code>").skip(1).filter_map(|rest| rest.split("</code>").next());
    commands
        .flat_map(str::lines)
        .map(|line| plain.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to)))
        .collect()
}

/// What is to be done, in order. Other code, such as output or `cargo test`, is left out.
fn steps(code: &[String]) -> Vec<Step> {
    let one = |(place, line): (usize, &String)| match step(line.trim().trim_start_matches("$ "))? {
        // Without a prompt there is nothing but commands.
        Step::Shout(words, _) if line.starts_with("$ ") => {
            let printed = code[place + 1..].iter().take_while(|line| !line.starts_with("$ "));
            Some(Step::Shout(words, printed.take(5).cloned().collect()))
        }
        step => Some(step),
    };
    code.iter().enumerate().filter_map(one).collect()
}

fn step(line: &str) -> Option<Step> {
    let pipes_to = |program: &str| line.contains(&format!("| {program} "));
    let mut words = line.split(" #").next()?.trim_end_matches([' ', '&']).split_ascii_whitespace().peekable();
    let mut variables = Vec::new();
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('='))
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    {
        variables.push((name.to_owned(), value.to_owned()));
        words.next();
    }
    match words.next()? {
        "curl" | "nc" => Some(Step::Talk(line.to_owned())),
        // Under load for five seconds: that has tests of its own.
        "shout" if words.peek() == Some(&"bench") => None,
        "shout" => Some(Step::Shout(line.to_owned(), Vec::new())),
        program if program == "shoutd" || program.ends_with("/shoutd") => {
            Some(Step::Start(words.map(str::to_owned).collect(), variables))
        }
        _ if pipes_to("nc") || pipes_to("curl") => Some(Step::Talk(line.to_owned())),
        _ => None,
    }
}

/// A listener with the port 0 in place of its own, and its own.
fn with_free_port(listener: &str) -> (String, u16) {
    let (address, options) = listener.split_at(listener.find(',').unwrap_or(listener.len()));
    let (host, port) = address.split_at(address.rfind(':').map_or(0, |colon| colon + 1));
    (format!("{host}0{options}"), port.parse().unwrap_or_else(|_| panic!("{listener:?} names no port")))
}

/// The servers that a text has started so far, and the real ports of those that it names.
struct Scene {
    servers: Vec<Shoutd>,
    ports: HashMap<(&'static str, u16), u16>,
    folder: Folder,
}

impl Scene {
    /// With a server as it starts without options, and a directory like the one the commands are meant for.
    fn new() -> Scene {
        let folder = Folder::new();
        folder.write("README.md", read("README.md"));
        let mut scene = Scene { servers: Vec::new(), ports: HashMap::new(), folder };
        scene.start(&[], &[]);
        scene
    }

    fn start(&mut self, words: &[String], variables: &[(String, String)]) {
        let mut command = command(&[]);
        let mut words: Vec<String> = words.to_vec();
        for (name, value) in variables {
            match name.strip_prefix("SHOUTD_").map(|rest| rest.to_ascii_lowercase().replace('_', "-")) {
                Some(option) => words.push(format!("--{option}={value}")),
                None => drop(command.env(name, value)),
            }
        }
        let mut words = words.iter();
        let mut named = Vec::new();
        while let Some(word) = words.next() {
            let (option, value) = word.split_once('=').map_or((word.as_str(), None), |(o, v)| (o, Some(v)));
            let mut value = || value.or_else(|| words.next().map(String::as_str)).expect("a value");
            if let Some((scheme, _)) = SCHEMES.into_iter().find(|(scheme, _)| option == format!("--{scheme}"))
            {
                let listener = value();
                if listener.starts_with("unix:") {
                    command.args([option, listener]).current_dir(self.folder.path());
                    continue;
                }
                let (listener, port) = with_free_port(listener);
                command.args([option, &listener]);
                named.push((scheme, port));
            } else if option == "--root" {
                // A directory of the reader's own is as good as any.
                let path = Path::new(HOME).join(value());
                command.arg(option).arg(if path.is_dir() { path } else { Path::new(HOME).join("www") });
            } else if !word.starts_with('-') && Path::new(HOME).join(word).is_dir() {
                command.arg(Path::new(HOME).join(word));
            } else {
                command.arg(word);
            }
        }
        if named.is_empty() {
            command.args(["--tcp", "0", "--udp", "0", "--http", "0"]);
            named.extend(SCHEMES);
        }
        let server = Shoutd::spawn(command);
        for (i, (scheme, port)) in named.iter().enumerate() {
            let before = named[..i].iter().filter(|(other, _)| other == scheme).count();
            self.ports.insert((scheme, *port), server.nth(scheme, before).port());
        }
        self.servers.push(server);
    }

    /// A command line with the real ports.
    fn with_real_ports(&self, line: &str) -> String {
        let is_udp = line.split_once("nc ").is_some_and(|(_, words)| {
            words
                .split(' ')
                .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('u'))
        });
        let schemes: &[&str] = if line.contains("curl ") || line.contains("shout http ") {
            &["http"]
        } else if is_udp || line.contains("shout udp ") {
            &["udp"]
        } else {
            &["tcp", "http"]
        };
        let mut ports: Vec<(u16, u16)> = Vec::new();
        for ((scheme, named), real) in &self.ports {
            ports.extend(schemes.contains(scheme).then_some((*named, *real)));
        }
        let (mut rest, mut result, mut found) = (line, String::new(), false);
        while let Some(start) = rest.find([':', ' ']) {
            result += &rest[..=start];
            rest = &rest[start + 1..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if let Some((_, real)) = ports.iter().find(|(named, _)| named.to_string() == rest[..digits]) {
                result += &real.to_string();
                rest = &rest[digits..];
                found = true;
            }
        }
        // Where nobody listens is for shout to explain.
        assert!(
            found || line.contains("shout "),
            "{line:?} asks none of the servers that were started before it: {:?}",
            self.ports
        );
        result + rest
    }

    /// Runs a command line and checks that it ends well and with an answer.
    fn talk(&self, line: &str) {
        let stdout = self.folder.path().join("stdout");
        let stderr = self.folder.path().join("stderr");
        let is_interactive = line.starts_with("nc ") && !line.contains('<');
        let mut child = Command::new("sh")
            .args(["-c", &self.with_real_ports(line)])
            .current_dir(self.folder.path())
            .stdin(if is_interactive { Stdio::piped() } else { Stdio::null() })
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .process_group(0)
            .spawn()
            .unwrap();
        let text = |path: &Path| {
            let mut bytes = Vec::new();
            File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        if let Some(stdin) = &mut child.stdin {
            stdin.write_all(b"hello\n").unwrap();
            eventually(|| text(&stdout) == "HELLO\n", || format!("{line}: {:?}", text(&stdout)));
            return end(&mut child);
        }
        let limit = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > limit => {
                    end(&mut child);
                    panic!("{line} does not end");
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let said = text(&stdout);
        assert!(status.success(), "{line}: {status}, {:?}", text(&stderr));
        assert!(
            line.contains('>') || line.contains("-o ") || !["", "0"].contains(&said.trim()),
            "{line}: nothing"
        );
        assert!(!line.contains("hello") || said.contains("HELLO"), "{line}: {said}");
        assert!(
            !line.contains("curl ") || !said.contains(" 404 ") || line.contains("/nope"),
            "{line}: {said}"
        );
    }
}

impl Scene {
    /// Runs a command line with shout, and holds it against what the text says that it prints.
    fn shout(&self, line: &str, printed: &[String]) {
        let Some(shout) = option_env!("CARGO_BIN_EXE_shout") else { return };
        let capture = "shout lab oneshot --pcap oneshot.pcap >&2 || exit 77; ";
        let prepare = if line.contains("oneshot.pcap") { capture } else { "" };
        let command =
            format!("{prepare}{}", self.with_real_ports(line)).replace("shout ", &format!("{shout} "));
        let mut run = Command::new("sh");
        run.args(["-c", &command]).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = run.output().unwrap();
        if output.status.code() == Some(77) {
            return skip("packets can't be captured");
        }
        let fails = printed.iter().any(|line| line.starts_with("shout: "));
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert_eq!(output.status.code(), Some(i32::from(fails)), "{line}: {said}");
        let Some(expected) = printed.first().map(|line| without_figures(line)) else { return };
        assert!(
            said.lines().any(|line| without_figures(line) == expected),
            "{line}: no {expected:?} in {said}"
        );
    }
}

/// A line without the words that differ each time: addresses, counts and times.
fn without_figures(line: &str) -> String {
    let differs = |word: &&str| {
        word.bytes().any(|byte| byte.is_ascii_digit())
            || ["ns", "µs", "ms", "s"].contains(&word.trim_end_matches(','))
    };
    line.split_ascii_whitespace().filter(|word| !differs(word)).collect::<Vec<_>>().join(" ")
}

/// Ends a command of ours and what it has started: they are a process group of their own.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _ = child.wait();
}

/// Does all that a text says, if the tools are there.
fn perform(steps: &[Step], whose: &str) {
    let has = |tool: &str| Command::new(tool).arg("-h").output().ok();
    let nc = has("nc").map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    let tools = has("curl").is_some() && nc.is_some_and(|help| help.contains("OpenBSD"));
    if !tools {
        skip("curl or OpenBSD's nc is missing, so only what starts shoutd is tried");
    }
    let mut scene = Scene::new();
    for step in steps {
        eprintln!("{whose}: {step:?}");
        match step {
            Step::Start(words, variables) => scene.start(words, variables),
            Step::Talk(line) if tools => scene.talk(line),
            Step::Talk(_) => {}
            Step::Shout(line, printed) => scene.shout(line, printed),
        }
    }
}

/// Checks that a text shows how to talk to each of the services.
fn assert_shows_all_three(steps: &[Step], whose: &str) {
    let shows = |what: &str, test: fn(&str) -> bool| {
        let found = steps.iter().any(|step| matches!(step, Step::Talk(line) if test(line)));
        assert!(found, "{whose} doesn't show how to try {what}");
    };
    shows("HTTP", |line| line.contains("curl "));
    shows("TCP", |line| line.contains("nc ") && !line.contains(" -u"));
    shows("UDP", |line| line.contains("nc ") && line.contains(" -u"));
}

#[test]
fn the_commands_of_the_readme_work() {
    let text = read("README.md");
    let steps = steps(&code_of_markdown(&text));
    if text.lines().any(|line| line.starts_with('#') && line.to_ascii_lowercase().contains("try it")) {
        assert_shows_all_three(&steps, "the README");
    }
    perform(&steps, "README");
}

#[test]
fn what_the_readme_starts_can_run_side_by_side() {
    let text = read("README.md");
    let mut taken: Vec<(&str, u16)> = Vec::new();
    for step in steps(&code_of_markdown(&text)) {
        let Step::Start(words, _) = step else { continue };
        for pair in words.windows(2).filter(|pair| !pair[1].starts_with("unix:")) {
            if let Some((scheme, _)) = SCHEMES.iter().find(|(scheme, _)| pair[0] == format!("--{scheme}")) {
                // HTTP is TCP to the kernel.
                let place = (if *scheme == "udp" { "udp" } else { "tcp" }, with_free_port(&pair[1]).1);
                let default = SCHEMES
                    .iter()
                    .any(|(scheme, port)| (*scheme == "udp", *port) == (place.0 == "udp", place.1));
                assert!(!default, "{words:?} takes a port of the first server");
                let own = words.iter().filter(|word| word.ends_with(&format!(":{}", place.1))).count();
                let before = taken.iter().filter(|other| **other == place).count();
                assert!(before < own.max(1), "{words:?} takes a port of another server: {place:?}");
                taken.push(place);
            }
        }
    }
    assert!(taken.len() > 10, "{taken:?}");
}

#[test]
fn the_readme_installs_what_it_then_calls_by_name() {
    let text = read("README.md");
    let code = code_of_markdown(&text);
    let at = |start: &str| code.iter().position(|line| line.trim_start_matches("$ ").starts_with(start));
    let installed = at("cargo install --path .").expect("a line that installs");
    for program in ["shoutd ", "shout "] {
        assert!(at(program).is_some_and(|place| place > installed), "{program} before it is installed");
    }
}

#[test]
fn the_experiments_that_the_readme_names_end_as_it_says() {
    let Some(shout) = option_env!("CARGO_BIN_EXE_shout") else { return };
    let text = read("README.md");
    let spans = text.split("\n\n").flat_map(|paragraph| {
        let code = paragraph.split('`').skip(1).step_by(2);
        code.map(|span| span.split_ascii_whitespace().collect::<Vec<_>>())
    });
    let mut run = 0;
    // All of them at once take half a minute, in tests/lab.rs.
    for words in spans.filter(|words| words.starts_with(&["shout", "lab"]) && !words.contains(&"all")) {
        if words.iter().any(|word| word.bytes().all(|byte| byte.is_ascii_uppercase())) {
            continue;
        }
        let output = Command::new(shout).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if said.contains("not seen") {
            return skip("packets can't be captured");
        }
        assert_eq!(output.status.code(), Some(i32::from(words.contains(&"--server"))), "{words:?}: {said}");
        run += 1;
    }
    assert!(run >= 3, "{run} were run");
}

#[test]
fn the_commands_of_the_start_page_work() {
    let steps = steps(&code_of_page(&read("www/index.html")));
    assert_shows_all_three(&steps, "the start page");
    let shown =
        |what: &str| steps.iter().any(|step| matches!(step, Step::Shout(line, _) if line.starts_with(what)));
    assert!(shown("shout tcp ") && shown("shout lab"), "the client and its lab are shown");
    perform(&steps, "start page");
}

/// The files and folders that a text names, in prose as `src/limits.rs` and in commands as `--test tcp`.
#[test]
fn what_contributing_names_is_there() {
    let text = read("CONTRIBUTING.md");
    let code = code_of_markdown(&text);
    let spans = text.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    let mut named = 0;
    let mut is_there = |path: &str| {
        named += 1;
        assert!(Path::new(HOME).join(path).exists(), "CONTRIBUTING.md names {path}");
    };
    for line in spans.chain(code.iter().map(String::as_str)) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let ours =
            |word: &str| ["src/", "tests/", "benches/", ".ci/"].iter().any(|top| word.starts_with(top));
        // What fails and is put aside is there only then.
        words.iter().filter(|word| ours(word) && !word.contains("artifacts")).for_each(|word| is_there(word));
        for pair in words.windows(2).filter(|pair| pair[0] == "--test") {
            let file = format!("tests/{}.rs", pair[1]);
            let is_file = Path::new(HOME).join(&file).exists();
            is_there(if is_file { file } else { format!("tests/{}/main.rs", pair[1]) }.as_str());
        }
        if let [".ci/fuzz", _, target] = words[..] {
            is_there(&format!("tests/fuzz/bins/{target}.rs"));
        }
    }
    assert!(named > 20, "only {named} were found");
}

#[test]
fn the_readme_names_every_option_and_no_other() {
    let text = read("README.md");
    let help = String::from_utf8(command(&["--help"]).output().unwrap().stdout).unwrap();
    let name =
        |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>();
    // The first table of options is that of shoutd.
    let rows = text.lines().map(|line| line.strip_prefix("| `--"));
    let named: BTreeSet<String> = rows.skip_while(Option::is_none).map_while(|row| row).map(name).collect();
    let known: BTreeSet<String> =
        help.lines().filter_map(|line| line.trim_start().strip_prefix("--")).map(name).collect();
    assert!(known.len() > 5, "{help}");
    assert_eq!(named, known);
}

#[test]
fn commands_are_found_in_every_form_of_code() {
    let text = "shoutd is prose\n\n    shoutd --http :80 --tcp=0 &   # why\n    output\n\n\
                ```sh\n$ RUST_LOG=a=b target/release/shoutd\n\
                printf 'a b' \\\n  | nc -u 127.0.0.1 12000\n```\nnc is prose\n\n    $ shout tcp a 1 b\n    B\n";
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let expected = [
        Step::Start(words(&["--http", ":80", "--tcp=0"]), vec![]),
        Step::Start(vec![], vec![("RUST_LOG".to_owned(), "a=b".to_owned())]),
        Step::Talk("printf 'a b' | nc -u 127.0.0.1 12000".to_owned()),
        Step::Shout("shout tcp a 1 b".to_owned(), words(&["B"])),
    ];
    assert_eq!(without_figures("127.0.0.1:1: 200 OK, 89 bytes in 48 µs, new"), "OK, bytes in new");
    assert_eq!(steps(&code_of_markdown(text)), expected);
    let page = "<p>curl <pre><code>curl -i &lt;x&gt;</code>\n<samp>nc </samp></pre>";
    assert_eq!(steps(&code_of_page(page)), [Step::Talk("curl -i <x>".to_owned())]);
    assert_eq!(with_free_port("127.0.0.1:12005,read=5"), ("127.0.0.1:0,read=5".to_owned(), 12005));
    assert_eq!(with_free_port(":80"), (":0".to_owned(), 80));
    assert_eq!(with_free_port("8080"), ("0".to_owned(), 8080));
}
