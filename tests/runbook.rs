//! `ocscert runbook` as it is typed: each procedure for each transport, edition and product, in both languages; a
//! site's own templates; the page in a browser.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::windows::Server;
use common::{browser, peer};

struct Scene(tempfile::TempDir);

impl Scene {
    /// A federation file of this transport, edition and product in a folder of its own.
    fn new(tls: bool, pool: bool, product: &str) -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        let transport = if tls { "tls" } else { "tcp" };
        let ocs = match pool {
            true => {
                "[[ocs.pool]]\nfqdn = \"pool.foo.com\"\nfront_ends = [{ fqdn = \"fe1.foo.com\", ip = \
                     \"10.1.10.101\" }, { fqdn = \"fe2.foo.com\", ip = \"10.1.10.102\" }]\n"
            }
            false => "[[ocs.standard]]\nfqdn = \"ocs1.foo.com\"\nip = \"10.1.10.100\"\n",
        };
        let ca = match tls {
            true => {
                "[ca]\nkind = \"microsoft-enterprise\"\nurl = \"https://ca.foo.com/certsrv\"\n\
                     template = \"Mutual<i>|`x\"\n"
            }
            false => "",
        };
        let text = format!(
            "[federation]\nsip_domain = \"foo.com\"\ntransport = \"{transport}\"\nproduct = \"{product}\"\n{ocs}\
             [[imp.node]]\nfqdn = \"imp1.foo.com\"\nip = \"10.1.10.20\"\nroute_target = true\n\
             [[imp.node]]\nfqdn = \"imp2.foo.com\"\nip = \"10.1.10.21\"\n{ca}"
        );
        fs::write(scene.path("site.toml"), text).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = assert_cmd::Command::cargo_bin("ocscert").unwrap();
        let out = command.current_dir(self.0.path()).arg("runbook").args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }

    fn markdown(&self, lang: &str) -> String {
        let (code, out, err) = self.run(&["site.toml", "--lang", lang, "--format", "md"]);
        assert_eq!(code, 0, "{err}");
        out
    }
}

/// The part of a runbook under the heading of a procedure.
fn part<'a>(book: &'a str, id: &str) -> Option<&'a str> {
    let begin = book.find(&format!("\n### {id} "))? + 1;
    let rest = &book[begin..];
    let end = rest[4..].find("\n### ").map_or(rest.len(), |at| at + 4);
    Some(&rest[..end])
}

/// The guide's procedures: (its number, only with TLS, only without, per server or per pool,
/// values in both languages, English words, Japanese words).
type Row = (
    &'static str,
    Option<bool>,
    bool,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);
const GUIDE: &[Row] = &[
    (
        "P1",
        Some(false),
        true,
        &["**5060**", "**TCP**", "**All**"],
        &["Connections"],
        &["[接続の追加]", "[トランスポート]"],
    ),
    (
        "P2",
        None,
        false,
        &["`foo.com`"],
        &["**Phone URI** off", "**Replace host in request URI** off"],
        &["[電話の URI]", "[要求 URI 内のホストを置き換える]"],
    ),
    (
        "P3",
        None,
        false,
        &["`10.1.10.20`", "`10.1.10.21`"],
        &["**Outbound Only** off, **Throttle as Server** on, **Treat as Authenticated** on"],
        &["[送信のみ]", "[サーバとして帯域を制限する]", "[認証済みとして扱う]"],
    ),
    (
        "P4",
        None,
        true,
        &["restart.cmd"],
        &["**Stop** > **Front End Services**"],
        &["[停止]>[フロントエンド サービス]"],
    ),
    (
        "P5",
        Some(true),
        true,
        &["fips-2003.cmd on", "fips-2008.cmd on", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"],
        &["Use FIPS compliant algorithms"],
        &["FIPS 準拠アルゴリズムを使う"],
    ),
    ("P6", Some(true), true, &["**5061**", "**MTLS**"], &["**Edit**"], &["[転送]", "[接続の編集]"]),
    (
        "P7",
        Some(true),
        true,
        &["--for ocs", "https://ca.foo.com/certsrv"],
        &["Trusted Root Certification Authorities"],
        &["[信頼されたルート証明機関]"],
    ),
    (
        "P8",
        Some(true),
        true,
        &["ocscert verify"],
        &["**Client Authentication**", "**Intended Purposes**"],
        &["[クライアント認証]", "[使用目的]"],
    ),
    (
        "P9",
        Some(true),
        true,
        &["1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2", "ocscert enroll site.toml --only", "P9b"],
        &["enterprise"],
        &["企業 Microsoft 認証局"],
    ),
    ("P10", Some(true), true, &[".pfx`", "certreq -accept"], &["**Personal**"], &["[個人]"]),
    (
        "P11",
        Some(true),
        true,
        &["ocscert inspect"],
        &["**Select Certificate**"],
        &["[証明書の選択]", "[セキュリティ]"],
    ),
    (
        "P12",
        Some(true),
        true,
        &["restart.cmd"],
        &["**Start** > **Front End Services**"],
        &["[開始]>[フロントエンド サービス]"],
    ),
];

#[test]
fn every_procedure_of_the_guide_is_there_where_it_applies_with_the_sites_values() {
    for (tls, pool, lang) in [(true, true), (true, false), (false, true), (false, false)]
        .into_iter()
        .flat_map(|(tls, pool)| ["en", "ja"].map(|lang| (tls, pool, lang)))
    {
        let book = Scene::new(tls, pool, "ocs2007r2").markdown(lang);
        let what = format!("TLS {tls}, pool {pool}, {lang}");
        let (servers, unit): (&[&str], &str) = match pool {
            true => (&["fe1.foo.com", "fe2.foo.com"], "pool.foo.com"),
            false => (&["ocs1.foo.com"], "ocs1.foo.com"),
        };
        for (id, only, per_server, values, english, japanese) in GUIDE {
            let Some(part) = part(&book, id) else {
                assert!(only.is_some_and(|only| only != tls), "{what}: {id} is missing");
                continue;
            };
            assert!(only.is_none_or(|only| only == tls), "{what}: {id} does not apply");
            let words = if lang == "en" { english } else { japanese };
            for value in values.iter().chain(*words) {
                assert!(part.contains(value), "{what}: {id} lacks {value}\n{part}");
            }
            let headings: Vec<&str> = part.lines().filter_map(|l| l.strip_prefix("#### ")).collect();
            let expected = if *per_server { servers } else { &[unit] };
            let expected: Vec<String> = expected.iter().map(|name| format!("{id}: {name}")).collect();
            assert_eq!(headings, expected, "{what}");
            assert!(part.contains("☐"), "{what}: {id} has nothing to tick off");
        }
        let (route, hosts) = (part(&book, "P2").unwrap(), part(&book, "P3").unwrap());
        let entries = hosts.matches(if lang == "en" { "**Add**," } else { "[追加] を選択し" }).count();
        assert_eq!(
            entries,
            if tls { 4 } else { 2 },
            "{what}: FQDN and IP address over TLS, IP address over TCP"
        );
        assert!(route.contains(if tls { "`imp1.foo.com`" } else { "`10.1.10.20`" }), "{what}\n{route}");
        assert!(route.contains(if tls { "**5061**" } else { "**5060**" }), "{what}");
        if tls {
            assert!(
                part(&book, "P9").unwrap().contains(&format!("CN `{unit}`"))
                    || part(&book, "P9").unwrap().contains(&format!("CN が `{unit}`")),
                "{what}"
            );
        }
        assert!(part(&book, "I4").unwrap().contains("`.com.foo.*`"), "{what}");
        for left in ["{{", "{%", "}}", "\u{E000}", "\u{E001}", "はずですが"] {
            assert!(!book.contains(left), "{what}: {left}");
        }
    }
}

/// Both languages tell the same: as many steps, procedure by procedure.
#[test]
fn the_languages_agree() {
    for (tls, pool, product) in [
        (true, true, "ocs2007r2"),
        (false, false, "ocs2007r2"),
        (true, true, "lync2013"),
        (true, false, "sfb2019"),
    ] {
        let scene = Scene::new(tls, pool, product);
        let shape = |book: &str| -> Vec<String> {
            let heading = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
            let kept =
                book.lines().filter(|l| l.starts_with("###") || l.starts_with("| ☐") || l.starts_with("> "));
            kept.map(|l| if l.starts_with('>') { ">".into() } else { heading(l) }).collect()
        };
        assert_eq!(shape(&scene.markdown("en")), shape(&scene.markdown("ja")), "{product}");
    }
}

/// What the reader is to type is what our own command line takes, in every runbook there is.
#[test]
fn every_command_parses() {
    for (tls, pool, product) in [
        (true, true, "ocs2007r2"),
        (true, false, "ocs2007r2"),
        (false, true, "ocs2007r2"),
        (false, false, "ocs2007r2"),
        (true, true, "lync2013"),
        (true, false, "sfb2019"),
    ] {
        for lang in ["en", "ja"] {
            let book = Scene::new(tls, pool, product).markdown(lang);
            // Code between backticks: every second piece.
            let commands = book.split('`').skip(1).step_by(2).filter(|code| code.starts_with("ocscert"));
            let mut seen = 0;
            for command in commands {
                seen += 1;
                if let Err(e) = ocscert::cli::definition().try_get_matches_from(command.split(' ')) {
                    panic!("{product} {lang}: {command}: {e}");
                }
            }
            assert!(
                seen > if tls { 8 } else { 0 } || !tls,
                "{product} {lang}: only {seen} commands were found"
            );
        }
    }
}

#[test]
fn lync_and_later_have_their_own_steps() {
    let book = Scene::new(true, true, "lync2013").markdown("en");
    for id in ["P1", "P5", "P6"] {
        assert!(part(&book, id).is_none(), "{id} has no such screen there");
    }
    for command in [
        "New-CsTrustedApplicationPool",
        "New-CsStaticRoute -TLSRoute",
        "Enable-CsTopology",
        "Set-CsCertificate",
    ] {
        assert!(book.contains(command), "{command}");
    }
    assert!(!book.contains("Front End Properties"));
}

#[test]
fn hostile_values_stay_values() {
    let scene = Scene::new(true, false, "ocs2007r2");
    assert!(scene.markdown("en").contains("`Mutual<i>\\|'x`"));
    let (_, page, _) = scene.run(&["site.toml"]);
    assert!(page.contains("<code>Mutual&lt;i&gt;|`x</code>") && !page.contains("<i>"));
}

#[test]
fn scripts_lie_beside_and_nothing_is_overwritten() {
    let scene = Scene::new(true, true, "ocs2007r2");
    assert_eq!(scene.run(&["site.toml", "-o", "out"]).0, 0);
    assert!(scene.path("out/runbook.en.html").is_file());
    for name in ["record-before.cmd", "fips-2003.cmd", "fips-2008.cmd", "restart.cmd"] {
        let text = fs::read_to_string(scene.path("out/scripts/fe2.foo.com").join(name)).unwrap();
        assert!(text.contains("fe2.foo.com") && !text.contains("{{"), "{name}");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{name}: cmd.exe wants CR LF");
    }
    let (code, _, err) = scene.run(&["site.toml", "-o", "out"]);
    assert!(code == 2 && err.contains("--overwrite"), "{err}");
}

#[test]
fn own_templates_replace_ours_and_a_broken_one_is_named_with_its_line() {
    let scene = Scene::new(true, false, "ocs2007r2");
    fs::create_dir(scene.path("words")).unwrap();
    let arguments = ["site.toml", "--format", "md", "--templates", "words"];
    let (code, _, err) = scene.run(&arguments);
    assert!(code == 2 && err.contains("procedures.toml"), "{err}");
    fs::write(scene.path("words/runbook.md"), "Ours: {{ domain }}\n").unwrap();
    assert_eq!(scene.run(&arguments).1.trim(), "Ours: foo.com");
    fs::write(scene.path("words/runbook.md"), "one\ntwo {{ domian }}\n").unwrap();
    let (code, _, err) = scene.run(&arguments);
    assert!(code == 2 && err.contains("runbook.md, line 2") && err.contains("hint:"), "{err}");
    fs::remove_file(scene.path("words/runbook.md")).unwrap();
    let ours = include_str!("../templates/runbook/procedures.toml");
    let bad = ours.replacen("Take a backup (Disaster", "Take a backup {{ nothing }} (Disaster", 1);
    let line = bad.lines().position(|line| line.contains("{{ nothing }}")).unwrap() + 1;
    fs::write(scene.path("words/procedures.toml"), bad).unwrap();
    let (code, _, err) = scene.run(&arguments);
    assert!(code == 2 && err.contains(&format!("procedures.toml, line {line}:")), "{line}: {err}");
}

/// Light, dark, on a phone, in both languages: nothing leaves the page or sticks out, and what was ticked and
/// written is there again when the page is opened anew.
#[test]
fn the_page_stands_alone_and_keeps_what_was_ticked() {
    let scene = Scene::new(true, true, "ocs2007r2");
    for lang in ["en", "ja"] {
        assert_eq!(scene.run(&["site.toml", "-o", "out", "--lang", lang, "--overwrite"]).0, 0);
        let page = scene.path(&format!("out/runbook.{lang}.html"));
        for options in [&[] as &[&str], &["--dark"], &["--width", "360"]] {
            let steps = [
                ["click", "[id='P6-fe1.foo.com-1']"],
                ["fill", "[id='w-P6-fe1.foo.com-1']=Alice"],
                ["reload", "page"],
                [
                    "js",
                    "[document.getElementById('P6-fe1.foo.com-1').checked, document.getElementById('w-P6-fe1.foo.com-1').value, document.getElementById('P6-fe2.foo.com-1').checked]",
                ],
                [
                    "js",
                    "[...document.querySelectorAll('nav a')].every(a => document.getElementById(decodeURIComponent(a.hash.slice(1))))",
                ],
                [
                    "js",
                    "document.querySelectorAll('[id]').length === new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size",
                ],
            ];
            let Some(report) = browser::visit(options, page.to_str().unwrap(), &steps) else { return };
            for list in ["external", "errors", "overflow"] {
                assert_eq!(report[list].as_array().unwrap().len(), 0, "{options:?} {list}: {}", report[list]);
            }
            assert_eq!(report["steps"][3]["value"], serde_json::json!([true, "Alice", false]));
            assert_eq!(
                (&report["steps"][4]["value"], &report["steps"][5]["value"]),
                (&true.into(), &true.into())
            );
        }
    }
}

/// The lists say what the steps say, in every transport and edition.
#[test]
fn lists_hold_what_the_steps_do() {
    for (tls, pool) in [(true, true), (true, false), (false, true), (false, false)] {
        let scene = Scene::new(tls, pool, "ocs2007r2");
        assert_eq!(scene.run(&["site.toml", "-o", "out"]).0, 0);
        let rows = |name: &str| -> Vec<Vec<String>> {
            let text = fs::read_to_string(scene.path("out/lists").join(name)).unwrap();
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{name}");
            let rows: Vec<Vec<String>> =
                text.lines().skip(1).map(|line| line.split(',').map(String::from).collect()).collect();
            let width = text.lines().next().unwrap().split(',').count();
            assert!(rows.iter().all(|row| row.len() == width), "{name}: {text}");
            rows
        };
        let unit = if pool { "pool.foo.com" } else { "ocs1.foo.com" };
        let hosts = rows("host-authorizations.csv");
        assert_eq!(hosts.len(), if tls { 4 } else { 2 });
        assert!(hosts.iter().all(|row| row[0] == unit && row[3..] == ["no", "yes", "yes"]));
        let routes = rows("static-routes.csv");
        let hop = if tls { "imp1.foo.com" } else { "10.1.10.20" };
        let port = if tls { "5061" } else { "5060" };
        assert_eq!(routes[0][1..5], [unit, "foo.com", hop, port]);
        assert_eq!(routes[1][1..5], ["publisher", ".com.foo.*", unit, port]);
        assert_eq!(rows("incoming-acl.csv").len(), if pool { 5 } else { 2 });
        let book = scene.markdown("en");
        for row in rows("incoming-acl.csv").iter().chain(&hosts) {
            let value = if row.len() == 2 { &row[0] } else { &row[2] };
            assert!(book.contains(&format!("`{value}`")), "{value}");
        }
        match tls {
            true => assert_eq!(rows("peer-subjects.csv").len(), if pool { 3 } else { 1 }),
            false => assert!(!scene.path("out/lists/peer-subjects.csv").exists()),
        }
    }
}

/// The scripts of the steps, run: what they change they can put back, and what they found is written down. The
/// registry is Wine's own, and so is reg.
#[test]
fn scripts_of_steps_record_change_and_undo() {
    let scene = Scene::new(true, true, "ocs2007r2");
    assert_eq!(scene.run(&["site.toml", "-o", "out"]).0, 0);
    let Some(server) = Server::new(&[]) else { return };
    let folder = scene.path("out/scripts/fe1.foo.com");
    let kept = |pattern: &str| -> Option<String> {
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(pattern));
        files.next().map(|path| fs::read_to_string(path).unwrap())
    };
    for script in ["fips-2003.cmd", "fips-2008.cmd"] {
        let run = |argument: &str| server.run(&folder, script, argument, "");
        assert_eq!((run("").code, run("undo").code), (2, 1), "{script}: nothing to put back yet");
        let on = run("on");
        assert!(on.code == 0 && on.out.contains("Restart the server"), "{script}: {}", on.out);
        assert_eq!(kept("fips-before-").unwrap().trim(), "none", "{script}");
        assert_eq!(run("on").code, 1, "{script}: the value it had is kept, not that of the second time");
        assert_eq!(run("undo").code, 0, "{script}");
        assert_eq!(kept("fips-before-"), None, "{script}");
        if script == "fips-2008.cmd" {
            continue; // It differs by the place of the value alone.
        }
        // On for good, on by the script, and back: it is on still.
        assert_eq!(run("on").code, 0);
        let file = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let file = file.into_iter().find(|path| path.to_str().unwrap().contains("fips-before-")).unwrap();
        fs::remove_file(file).unwrap();
        assert_eq!(run("on").code, 0);
        assert_eq!(kept("fips-before-").unwrap().trim(), "0x1", "{script}");
        assert_eq!(run("undo").code, 0);
        assert_eq!(run("on").code, 0);
        assert_eq!(kept("fips-before-").unwrap().trim(), "0x1", "{script}");
        // The registry is other tests' too, and the next run's.
        let file = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let file = file.into_iter().find(|path| path.to_str().unwrap().contains("fips-before-")).unwrap();
        fs::write(file, "none\r\n").unwrap();
        assert_eq!(run("undo").code, 0);
    }
    let Some(server) = Server::new(&["certutil", "reg", "sc", "net", "netstat"]) else { return };
    let recorded = server.run(&folder, "record-before.cmd", "", "");
    assert_eq!(recorded.code, 0, "{}", recorded.out);
    let before = kept("before-").unwrap();
    for told in ["fe1.foo.com", "== FIPS policy", "LISTENING", "== Intermediate Certification Authorities"] {
        assert!(before.contains(told), "{told}\n{before}");
    }
    assert_eq!(server.run(&folder, "record-before.cmd", "", "").code, 1, "a record is not overwritten");
    let restarted = server.run(&folder, "restart.cmd", "", "");
    assert_eq!(restarted.code, 0, "{}", restarted.out);
    let calls = restarted.calls.join("\n");
    assert!(calls.contains("net stop RTCSRV\nnet start RTCSRV\nnetstat"), "{calls}");
    fs::write(server.path("denied"), "").unwrap();
    let denied = server.run(&folder, "restart.cmd", "", "");
    assert!(denied.code == 1 && !denied.calls.join(" ").contains("net start"), "{}", denied.out);
}

/// On paper, A4 and Letter, nothing is cut off: every step is on it, whole, within the margins.
#[test]
fn it_prints_whole() {
    let scene = Scene::new(true, true, "ocs2007r2");
    let Some(pdftotext) = peer::require("pdftotext") else { return };
    let squeeze = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    for lang in ["en", "ja"] {
        assert_eq!(scene.run(&["site.toml", "-o", "out", "--lang", lang, "--overwrite"]).0, 0);
        let page = scene.path(&format!("out/runbook.{lang}.html"));
        // What is to be on it: the text of every cell and line, as the page holds it.
        let texts = [
            "js",
            "[...document.querySelectorAll('h1, h2, h3, h4, td:nth-child(2), .hint, .note')].map(e => e.innerText)",
        ];
        let [a4, letter] = ["A4", "Letter"].map(|paper| scene.path(&format!("{lang}-{paper}.pdf")));
        let prints = [format!("{}=A4", a4.display()), format!("{}=Letter", letter.display())];
        let steps = [texts, ["pdf", &prints[0]], ["pdf", &prints[1]]];
        let Some(report) = browser::visit(&[], page.to_str().unwrap(), &steps) else { return };
        let texts: Vec<String> = serde_json::from_value(report["steps"][0]["value"].clone()).unwrap();
        assert!(texts.len() > 100, "{}", texts.len());
        for (pdf, width, height) in [(a4, 595.0, 842.0), (letter, 612.0, 792.0)] {
            let told = |options: &[&str]| {
                let ran = Command::new(&pdftotext).args(options).arg(&pdf).arg("-").output().unwrap();
                assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
                String::from_utf8(ran.stdout).unwrap()
            };
            let printed = squeeze(&told(&["-raw", "-nopgbrk"]));
            for text in &texts {
                assert!(printed.contains(&squeeze(text)), "{}: not on paper: {text}", pdf.display());
            }
            let boxes = told(&["-bbox"]);
            let pages = boxes.matches("<page ").count();
            assert!((5..=40).contains(&pages), "{pages} pages");
            assert!(boxes.contains(&format!("<page width=\"{width:.0}")), "{}", &boxes[..600]);
            let number = |line: &str, name: &str| -> f64 {
                line.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
            };
            for word in boxes.lines().filter(|line| line.contains("<word ")) {
                let inside = number(word, "xMin") > 30.0
                    && number(word, "xMax") < width - 30.0
                    && number(word, "yMin") > 30.0
                    && number(word, "yMax") < height - 30.0;
                assert!(inside, "{}: in the margin: {word}", pdf.display());
            }
        }
    }
}
