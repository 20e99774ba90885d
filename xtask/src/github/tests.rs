use std::os::unix::fs::PermissionsExt;

use super::*;

/// A `gh` that writes down what it was asked and answers with a file.
const FAKE: &str = r#"#!/bin/sh
printf '%s\n' "$*" >> "$ASKED"
case "$*" in *--input*) cat >> "$ASKED"; echo >> "$ASKED";; *) cat "$ANSWER";; esac
"#;

struct Fake {
    directory: tempfile::TempDir,
    gh: Gh,
}

impl Fake {
    fn answering(answer: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("gh"), FAKE).unwrap();
        fs::set_permissions(at("gh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(at("answer"), answer).unwrap();
        let shell = Shell::new().unwrap();
        let path = env::var_os("PATH").unwrap();
        let paths = [directory.path().to_owned()].into_iter().chain(env::split_paths(&path));
        shell.set_var("PATH", env::join_paths(paths).unwrap());
        shell.set_var("ASKED", at("asked"));
        shell.set_var("ANSWER", at("answer"));
        let gh = Gh { shell, repository: "owner/name".into(), run: "https://github.com/run".into() };
        Self { directory, gh }
    }

    /// What was asked after the listing, a line each: the words, then the body.
    fn sent(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.directory.path().join("asked")).unwrap();
        let mut lines = asked.lines().map(str::to_owned);
        assert!(lines.next().unwrap().starts_with("api --paginate --method GET repos/owner/name/issues"));
        lines.collect()
    }
}

fn part(text: Option<&str>) -> Part {
    Part { environment: "dev".into(), found: text.map_or(Found::Missing, Found::of) }
}

fn listed(subject: Subject, number: u64, who: &str) -> Value {
    json!({"id": number, "number": number, "user": {"login": who}, "body": format!("{}\nold", subject.mark())})
}

#[test]
fn the_first_comment_is_written_and_the_next_changes_it() {
    let fake = Fake::answering("[]");
    fake.gh.comment(7, &[part(Some("+ a"))]).unwrap();
    let sent = fake.sent();
    assert_eq!(sent[0], "api --method POST --silent --input - repos/owner/name/issues/7/comments");
    let body: Value = serde_json::from_str(&sent[1]).unwrap();
    assert!(body["body"].as_str().unwrap().starts_with(Subject::Plan.mark()));

    // On the second page, behind one of a stranger that looks the same.
    let (stranger, ours) = (listed(Subject::Plan, 40, "mallory"), listed(Subject::Plan, 41, OURS));
    let fake = Fake::answering(&format!("[{stranger}][{ours}]"));
    fake.gh.comment(7, &[part(Some("+ a"))]).unwrap();
    assert_eq!(fake.sent()[0], "api --method PATCH --silent --input - repos/owner/name/issues/comments/41");
}

#[test]
fn drift_opens_one_issue_and_its_end_closes_it() {
    let open = format!("[{}]", listed(Subject::Drift, 5, OURS));
    let sent = |answer: &str, parts: &[Part]| {
        let fake = Fake::answering(answer);
        fake.gh.issue(parts).unwrap();
        fake.sent().into_iter().filter(|line| line.starts_with("api")).collect::<Vec<_>>()
    };
    let request = |method: &str, path: &str| {
        format!("api --method {method} --silent --input - repos/owner/name/{path}")
    };
    let none: [String; 0] = [];
    assert_eq!(sent("[]", &[part(Some("+ a"))]), [request("POST", "issues")]);
    assert_eq!(sent(&open, &[part(Some("+ a")), part(None)]), [request("PATCH", "issues/5")]);
    let closed = [request("POST", "issues/5/comments"), request("PATCH", "issues/5")];
    assert_eq!(sent(&open, &[part(Some(""))]), closed);
    assert_eq!(sent(&open, &[part(Some("")), part(None)]), none);
    assert_eq!(sent("[]", &[part(Some("")), part(None)]), none);
}

#[test]
fn only_files_of_environments_that_were_asked_for_are_read() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("dev.diff"), "+ a\n").unwrap();
    fs::write(directory.path().join("other.diff"), "+ b\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("prod.diff")).unwrap();
    let read = |environments: &str| {
        Parts { from: directory.path().to_owned(), environments: environments.to_owned() }.read()
    };
    let found: Vec<_> =
        read(r#"[{"name": "dev"}, {"name": "prod"}]"#).unwrap().into_iter().map(|part| part.found).collect();
    assert_eq!(found, [Found::Text("+ a\n".into()), Found::Missing]);
    let error = read(r#"[{"name": "../../etc/x\n"}]"#).unwrap_err();
    insta::assert_snapshot!(error, @r"`../../etc/x\n` is no environment's name");
}

#[test]
fn a_machine_without_gh_is_told_what_is_missing() {
    let fake = Fake::answering("[]");
    fake.gh.shell.set_var("PATH", "/nowhere");
    insta::assert_snapshot!(crate::failure::in_words(&fake.gh.issue(&[]).unwrap_err()));
}
