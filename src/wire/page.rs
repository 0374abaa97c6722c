//! A page of the web enrollment site, read for its locale-independent marks: the ids of its elements. Prose is
//! translated by the server's language, ids are not. One pass over a bounded text, however hostile it is.

use encoding_rs::{Encoding, UTF_8};

/// Larger pages are read up to here; a real one has about 15 KB.
const MAX_PAGE: usize = 1 << 20;
/// A text taken out of a page ends here (bytes of markup).
const MAX_TEXT: usize = 8 << 10;
/// More elements with an id than this are not kept; a real page has about 60.
const MAX_MARKS: usize = 4096;

/// A decoded page and the elements in it that carry an id.
#[derive(Debug)]
pub struct Page {
    text: String,
    marks: Vec<Mark>,
}

/// An element with an id: lower-case names, and where in the text its tag begins and its content begins.
#[derive(Debug)]
struct Mark {
    id: String,
    element: String,
    start: usize,
    content: usize,
}

impl Page {
    /// Decodes a page: the character set of the Content-Type header, else of the page's own Meta tag, else
    /// UTF-8. What does not decode becomes U+FFFD.
    pub fn decode(body: &[u8], content_type: Option<&str>) -> Self {
        let body = &body[..body.len().min(MAX_PAGE)];
        let head = String::from_utf8_lossy(&body[..body.len().min(2048)]).to_ascii_lowercase();
        let encoding = content_type
            .and_then(|header| charset(&header.to_ascii_lowercase()))
            .or_else(|| charset(&head))
            .unwrap_or(UTF_8);
        let text = encoding.decode(body).0.into_owned();
        let marks = marks(&text);
        Self { text, marks }
    }

    /// True where an element has this id.
    pub fn has(&self, id: &str) -> bool {
        self.mark(id).is_some()
    }

    /// The text of the element with this id, without tags, entities resolved, white space collapsed.
    pub fn text_of(&self, id: &str) -> Option<String> {
        let mark = self.mark(id)?;
        // Elements are often left open (`<P ID=a> .. <P ID=b>`): the next one with an id ends them, too, unless
        // it is the element's own markup (`<LocID ID=a><Font ID=b>`), which no text we want has.
        let next = self.marks.iter().find(|m| m.start >= mark.content).map_or(self.text.len(), |m| m.start);
        let inside = bounded(&self.text[mark.content..next]);
        let end = find_ignoring_case(inside, &format!("</{}", mark.element)).unwrap_or(inside.len());
        Some(plain(&inside[..end]))
    }

    /// The text of the definition (`DD`) that follows the term with this id.
    pub fn definition_of(&self, id: &str) -> Option<String> {
        let mark = self.mark(id)?;
        let rest = bounded(&self.text[mark.content..]);
        let rest = &rest[find_ignoring_case(rest, "<dd")?..];
        let end = ["</dd", "<dt", "</dl"].iter().filter_map(|tag| find_ignoring_case(rest, tag)).min();
        Some(plain(&rest[..end.unwrap_or(rest.len())]))
    }

    /// The whole text, markup and scripts included.
    pub fn source(&self) -> &str {
        &self.text
    }

    fn mark(&self, id: &str) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.id.eq_ignore_ascii_case(id))
    }
}

/// The first place of an ASCII needle, whatever its case.
pub(super) fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    // The needle is ASCII, so a match cannot begin inside a character.
    text.as_bytes().windows(needle.len()).position(|part| part.eq_ignore_ascii_case(needle.as_bytes()))
}

/// Markup as the reader sees it: tags dropped, entities resolved, white space collapsed.
pub(super) fn plain(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('&') {
            let (character, length) = entity(rest);
            text.push_str(character);
            rest = &rest[length..];
        } else if is_tag(rest) {
            text.push(' ');
            rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
        } else {
            text.push('<');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

fn charset(text: &str) -> Option<&'static Encoding> {
    let at = text.find("charset=")? + "charset=".len();
    let label = text[at..].trim_start_matches(['"', '\'']);
    let end = label.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.:".contains(c)));
    Encoding::for_label(&label.as_bytes()[..end.unwrap_or(label.len())])
}

/// All elements with an id. A tag ends at its `>`, or where the next `<` begins: scripts compare with `<`.
fn marks(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|found| at + found) {
        at = start + 1;
        if !is_tag(&text[start..]) {
            continue;
        }
        let Some(end) = text[at..].find(['<', '>']).map(|found| at + found) else { break };
        if marks.len() < MAX_MARKS
            && text.as_bytes()[end] == b'>'
            && let Some(id) = attribute(&text[at..end], "id")
        {
            let element = text[at..end].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
            let (id, element) = (id.to_string(), element.to_string());
            marks.push(Mark { id, element, start, content: end + 1 });
        }
        at = end;
    }
    marks
}

/// True where a `<` begins a tag and not a comparison.
fn is_tag(text: &str) -> bool {
    matches!(text.as_bytes().get(1), Some(b'/' | b'!' | b'a'..=b'z' | b'A'..=b'Z'))
}

/// The value of an attribute in the inside of a tag: bare, or in quotes.
pub(super) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    loop {
        rest = rest.trim_start();
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (found, after) = rest.split_at(end);
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            if after.is_empty() {
                return None;
            }
            // An attribute without a value (`Checked`). A stray sign is passed over.
            rest = if end == 0 { &rest[rest.chars().next().map_or(0, char::len_utf8)..] } else { after };
            continue;
        };
        let (value, next) = match value.as_bytes().first() {
            Some(quote @ (b'"' | b'\'')) => {
                let inside = &value[1..];
                let end = inside.find(*quote as char).unwrap_or(inside.len());
                (&inside[..end], inside.get(end + 1..).unwrap_or(""))
            }
            _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
}

/// Resolves the entity that `text` begins with: the few that occur. Anything else stays as it is.
fn entity(text: &str) -> (&'static str, usize) {
    const KNOWN: &[(&str, &str)] = &[
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&#160;", " "),
    ];
    KNOWN
        .iter()
        .find(|(name, _)| text.starts_with(name))
        .map_or(("&", 1), |(name, character)| (*character, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_bare_and_quoted_in_any_case_and_never_as_parts_of_others() {
        let page = Page::decode(
            b"<P ID=locInfoReqIDandReason> one <b>two</b>\n&amp;&nbsp;three </P><p class=x Id='locDenied' >no",
            None,
        );
        assert_eq!(page.text_of("locInfoReqIDandReason").as_deref(), Some("one two & three"));
        assert!(page.has("locdenied") && !page.has("locInfoReqID") && !page.has("locInfo"));
    }

    #[test]
    fn a_script_before_a_mark_does_not_hide_it() {
        let page = Page::decode(b"<script>for(i=0;i<nR;i++)if(i<2)x=1</script><P ID=locDenied>", None);
        assert!(page.has("locDenied"));
    }

    #[test]
    fn an_element_left_open_ends_where_the_next_begins() {
        let page = Page::decode(b"<P ID=a> 42 <P ID=b> 43", None);
        assert_eq!(page.text_of("a").as_deref(), Some("42"));
    }

    #[test]
    fn the_header_names_the_character_set_before_the_page_does() {
        let body = b"<Meta Content=\"text/html; charset=windows-1252\"><P ID=a>refus\xe9e";
        assert_eq!(Page::decode(body, None).text_of("a").as_deref(), Some("refusée"));
        let utf8 = "<Meta charset=windows-1252><P ID=a>refusée".as_bytes();
        let read = Page::decode(utf8, Some("text/html; charset=\"utf-8\""));
        assert_eq!(read.text_of("a").as_deref(), Some("refusée"));
        assert_eq!(
            Page::decode(b"<P ID=a>\xff", Some("text/html")).text_of("a").as_deref(),
            Some("\u{fffd}")
        );
    }

    #[test]
    fn hostile_pages_are_read_in_one_pass() {
        // Each would take hours if a part of the work were quadratic.
        for piece in ["<", "<a ", "<P ID=a>", "&", "<a id='", "<a =", "<dd", "charset="] {
            let page = Page::decode(piece.repeat(2 << 20).as_bytes(), None);
            let _ = (page.has("locDenied"), page.text_of("a"), page.definition_of("a"));
        }
        assert_eq!(attribute("a  = = 'x' \u{e9} id=5", "id"), Some("5"));
    }
}
