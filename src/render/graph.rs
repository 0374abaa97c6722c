//! The picture of who trusts whom, as SVG: OCS's certificates and trust store on the left, IM and Presence's on the
//! right, the CAs between them. Edges that hold are solid, the place where a chain breaks is dashed and bears its code.

use std::fmt::Write as _;

use crate::checks::trust::ROOT_NOT_TRUSTED;
use crate::findings::{CertificateReport, Direction, Report, Severity, Verdict};
use crate::text::{escape_short, fit, html};

const WIDTH: usize = 960;
const BOX_WIDTH: usize = 270;
const BOX_HEIGHT: usize = 64;
/// The columns that fit into a box.
const IN_A_BOX: usize = 34;
const GAP: usize = 26;
const TOP: usize = 56;
/// More certificates than this make no picture: the worst are drawn.
pub const MOST: usize = 24;
/// Left edge of each column: OCS, the CAs, IM and Presence.
const COLUMNS: [usize; 3] = [10, 345, 680];

/// One box.
struct Node {
    id: String,
    column: usize,
    row: usize,
    title: String,
    line: String,
    note: String,
    class: &'static str,
}

/// One line between boxes, from the issued certificate to its issuer, or from a root to the store it is in.
struct Edge {
    from: String,
    to: String,
    broken: Option<&'static str>,
}

/// A root, and a side whose store holds it, or lacks it.
struct Trust {
    root: String,
    /// The column of the side.
    column: usize,
    lacking: Option<&'static str>,
}

#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    trust: Vec<Trust>,
}

/// The sides' columns, and what their stores are called.
const STORES: [(usize, &str, &str, &str); 2] = [
    (0, "OCS", "Trusted Root store", "of the OCS servers"),
    (2, "IM and Presence", "cup-trust", "of the IM and Presence nodes"),
];

/// Draws one report.
pub fn svg(report: &Report) -> String {
    let mut graph = Graph::default();
    // Chains that hold first: their CAs take the places that broken ones then point at.
    let mut certificates: Vec<&CertificateReport> = report.certificates.iter().collect();
    certificates.sort_by_key(|c| c.verdict);
    certificates.drain(..certificates.len().saturating_sub(MOST));
    for certificate in &certificates {
        graph.add(certificate);
    }
    graph.add_stores();
    graph.draw(&alternative_text(&certificates))
}

/// What the picture says, for those who do not see it.
fn alternative_text(certificates: &[&CertificateReport]) -> String {
    let sentences = certificates.iter().map(|c| {
        let chain: Vec<&str> = c.path.iter().map(|step| step.name.as_str()).collect();
        let sides: Vec<&str> = c.path.iter().flat_map(|step| &step.trusted_by).map(|t| t.side).collect();
        let trusted = match sides.as_slice() {
            [] => "by neither side".to_string(),
            sides => format!("by {}", sides.join(" and ")),
        };
        format!("{}: {}, chain {}, trusted {trusted}.", c.name, c.verdict.word(), chain.join(" issued by "))
    });
    format!("Who trusts whom. {}", sentences.collect::<Vec<_>>().join(" "))
}

fn column(certificate: &CertificateReport) -> usize {
    let imp = certificate
        .directions
        .iter()
        .any(|d| d.verdict.is_some() && matches!(d.direction, Direction::ImpServer | Direction::ImpClient));
    if imp { 2 } else { 0 }
}

impl Graph {
    fn add(&mut self, certificate: &CertificateReport) {
        let Some((leaf, issuers)) = certificate.path.split_first() else { return };
        let column = column(certificate);
        let class = match certificate.verdict {
            Verdict::Valid => "good",
            Verdict::Incomplete => "warn",
            Verdict::Invalid => "bad",
        };
        let note = format!("{} — {}", certificate.verdict.word(), leaf.note);
        let leaf_id = format!("{}:{}", certificate.source, leaf.sha256);
        self.node(leaf_id.clone(), column, &leaf.name, &certificate.source, note, class);
        let mut below = leaf_id;
        for step in issuers {
            let trusted: Vec<&str> = step.trusted_by.iter().map(|t| t.side).collect();
            let (note, class) = match trusted.as_slice() {
                [] => (step.note.clone(), "ca"),
                sides => (format!("trusted by {}", sides.join(" and ")), "root"),
            };
            self.node(
                step.sha256.clone(),
                1,
                &step.name,
                &format!("{}, {}", step.key, step.signature),
                note,
                class,
            );
            self.edge(below, step.sha256.clone(), None);
            below = step.sha256.clone();
        }
        for trusted in certificate.path.iter().flat_map(|step| &step.trusted_by) {
            let column = STORES.iter().find(|store| store.1 == trusted.side).map_or(0, |store| store.0);
            self.trust.push(Trust { root: below.clone(), column, lacking: None });
        }
        let broken = certificate.findings.iter().rfind(|f| {
            let family = f.rule.family().map_or("", |family| family.code);
            f.severity == Severity::Error && matches!(family, "CHN" | "VAL" | "NC" | "POL" | "REV")
        });
        if let Some(finding) = broken.filter(|f| f.rule == &ROOT_NOT_TRUSTED) {
            self.trust.push(Trust { root: below, column: 2 - column, lacking: Some(finding.rule.code) });
        } else if let Some(finding) = broken {
            let id = format!("missing:{below}");
            let title = finding.rule.name.replace('-', " ");
            self.node(id.clone(), 1, &title, finding.rule.code, "the chain breaks here".into(), "missing");
            self.edge(below, id, Some(finding.rule.code));
        }
    }

    fn add_stores(&mut self) {
        for (column, _, title, whose) in STORES {
            let of_side: Vec<Trust> = self.trust.extract_if(.., |trust| trust.column == column).collect();
            if of_side.is_empty() {
                continue;
            }
            let id = format!("store:{column}");
            let (note, class) = match of_side.iter().find_map(|trust| trust.lacking) {
                Some(code) => (format!("{code}: a root is not in it"), "missing"),
                None => ("has the root".into(), "root"),
            };
            self.node(id.clone(), column, title, whose, note, class);
            for Trust { root, lacking, .. } in of_side {
                self.edge(root, id.clone(), lacking);
            }
        }
    }

    fn node(
        &mut self,
        id: String,
        column: usize,
        title: &str,
        line: &str,
        note: String,
        class: &'static str,
    ) {
        if self.nodes.iter().any(|node| node.id == id) {
            return;
        }
        let row = self.nodes.iter().filter(|node| node.column == column).count();
        let node = Node { id, column, row, title: title.to_string(), line: line.to_string(), note, class };
        self.nodes.push(node);
    }

    fn edge(&mut self, from: String, to: String, broken: Option<&'static str>) {
        if !self.edges.iter().any(|e| e.from == from && e.to == to) {
            self.edges.push(Edge { from, to, broken });
        }
    }

    fn draw(&self, description: &str) -> String {
        let rows = self.nodes.iter().map(|node| node.row + 1).max().unwrap_or(1);
        let height = TOP + rows * (BOX_HEIGHT + GAP) + 8;
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\" xmlns=\"http://www.w3.org/2000/svg\">\n",
            html(&escape_short(description, 2000))
        );
        for (column, title) in COLUMNS.iter().zip(["OCS", "certification authorities", "IM and Presence"]) {
            let middle = column + BOX_WIDTH / 2;
            let _ = writeln!(
                out,
                "<text class=\"side\" x=\"{middle}\" y=\"30\" text-anchor=\"middle\">{title}</text>"
            );
        }
        for edge in &self.edges {
            self.draw_edge(&mut out, edge);
        }
        for node in &self.nodes {
            draw_node(&mut out, node);
        }
        out.push_str("</svg>\n");
        out
    }

    fn draw_edge(&self, out: &mut String, edge: &Edge) {
        let find = |id: &str| self.nodes.iter().find(|node| node.id == id);
        let (Some(from), Some(to)) = (find(&edge.from), find(&edge.to)) else { return };
        let class = if edge.broken.is_some() { "edge broken" } else { "edge" };
        let path = match from.column == to.column {
            // Between two CAs: along the right side of the column, so that long jumps pass behind nothing.
            true => {
                let x = left(to) + BOX_WIDTH - 40;
                let (upper, lower) = if from.row < to.row { (from, to) } else { (to, from) };
                if lower.row - upper.row == 1 {
                    format!("M{x} {} V{}", top(upper) + BOX_HEIGHT, top(lower))
                } else {
                    let right = left(to) + BOX_WIDTH;
                    let (a, b) = (middle(from), middle(to));
                    format!("M{right} {a} C{} {a} {} {b} {right} {b}", right + 26, right + 26)
                }
            }
            false => {
                let (x1, x2) = match from.column < to.column {
                    true => (left(from) + BOX_WIDTH, left(to)),
                    false => (left(from), left(to) + BOX_WIDTH),
                };
                let (y1, y2) = (middle(from), middle(to));
                let bend = x1.midpoint(x2);
                format!("M{x1} {y1} C{bend} {y1} {bend} {y2} {x2} {y2}")
            }
        };
        let _ = writeln!(out, "<path class=\"{class}\" d=\"{path}\"/>");
    }
}

fn left(node: &Node) -> usize {
    COLUMNS[node.column]
}

fn top(node: &Node) -> usize {
    TOP + node.row * (BOX_HEIGHT + GAP)
}

fn middle(node: &Node) -> usize {
    top(node) + BOX_HEIGHT / 2
}

fn draw_node(out: &mut String, node: &Node) {
    let (x, y) = (left(node), top(node));
    let _ = writeln!(
        out,
        "<g class=\"node {}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"8\"/>",
        node.class,
        html(&escape_short(&node.title, 300))
    );
    for (dy, class, text) in [(22, "name", &node.title), (39, "fact", &node.line), (55, "fact", &node.note)] {
        let text = fit(text, IN_A_BOX);
        // What was cut fills its line, and no more than that, however wide its letters are.
        let length = match text.ends_with('…') {
            true => format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", BOX_WIDTH - 24),
            false => String::new(),
        };
        let (x, y, text) = (x + 12, y + dy, html(&text));
        let _ = writeln!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{length}>{text}</text>");
    }
    out.push_str("</g>\n");
}
