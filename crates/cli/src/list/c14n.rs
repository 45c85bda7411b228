//! Exclusive XML Canonicalization 1.0 without comments (W3C, 2002), of a document or of one element, with one element left
//! out. Of a document without a DTD: the parser refuses every other, so there are neither entities nor default attributes.

use std::{collections::BTreeMap, rc::Rc};

use roxmltree::{Attribute, Document, Node};

use super::Refused;

/// Levels of elements; a list has about fifteen.
const MAX_DEPTH: usize = 64;

/// Namespaces that were written in what encloses an element, by prefix; the default one's is empty.
type Written<'a> = Rc<BTreeMap<&'a str, &'a str>>;

enum Step<'a, 'i> {
    Open(Node<'a, 'i>, Written<'a>, usize),
    Close(&'i str),
}

/// The whole document, processing instructions beside the root included, without one element.
pub(super) fn document<'a, 'i>(
    document: &'a Document<'i>,
    without: Option<Node<'a, 'i>>,
) -> Result<Vec<u8>, Refused> {
    let (mut out, root) = (Vec::new(), document.root_element());
    let mut before = true;
    for node in document.root().children() {
        if node == root {
            write(node, without, &mut out)?;
            before = false;
        } else if node.is_pi() {
            if !before {
                out.push(b'\n');
            }
            instruction(node, &mut out);
            if before {
                out.push(b'\n');
            }
        }
    }
    Ok(out)
}

/// An element without one that is in it.
pub(super) fn without<'a, 'i>(node: Node<'a, 'i>, left: Node<'a, 'i>) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    write(node, Some(left), &mut out)?;
    Ok(out)
}

/// One element with all that is in it.
pub(super) fn element(node: Node<'_, '_>) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    write(node, None, &mut out)?;
    Ok(out)
}

fn write<'a, 'i>(top: Node<'a, 'i>, without: Option<Node<'a, 'i>>, out: &mut Vec<u8>) -> Result<(), Refused> {
    let mut steps = vec![Step::Open(top, Rc::default(), 0)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Close(name) => out.extend_from_slice(format!("</{name}>").as_bytes()),
            Step::Open(node, _, _) if Some(node) == without => {}
            Step::Open(node, written, depth) if node.is_element() => {
                if depth > MAX_DEPTH {
                    return Err(Refused::form("the list is nested too deeply"));
                }
                let written = open(node, &written, out)?;
                steps.push(Step::Close(name(node)));
                let inner = node.children().collect::<Vec<_>>();
                steps.extend(inner.into_iter().rev().map(|n| Step::Open(n, Rc::clone(&written), depth + 1)));
            }
            Step::Open(node, _, _) if node.is_text() => text(node.text().unwrap_or_default(), out),
            Step::Open(node, _, _) if node.is_pi() => instruction(node, out),
            // A comment.
            Step::Open(..) => {}
        }
    }
    Ok(())
}

/// The name as it is written, with its prefix.
fn name<'i>(node: Node<'_, 'i>) -> &'i str {
    let text = node.document().input_text();
    let from = text.get(node.range().start + 1..).unwrap_or_default();
    let end = from.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>').unwrap_or(from.len());
    &from[..end]
}

fn attribute_name<'i>(node: Node<'_, 'i>, attribute: &Attribute<'_, 'i>) -> &'i str {
    node.document().input_text().get(attribute.range_qname()).unwrap_or_default()
}

fn prefix(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

/// The opening tag; what is written of namespaces by then.
fn open<'a>(node: Node<'a, '_>, written: &Written<'a>, out: &mut Vec<u8>) -> Result<Written<'a>, Refused> {
    let own = name(node);
    let mut attributes: Vec<(&str, &str, Attribute<'_, '_>)> =
        node.attributes().map(|a| (a.namespace().unwrap_or_default(), attribute_name(node, &a), a)).collect();
    // Attributes without a namespace come first; then by namespace and local name.
    attributes.sort_by(|a, b| (a.0, a.2.name()).cmp(&(b.0, b.2.name())));
    let mut used: Vec<&str> = vec![prefix(own)];
    used.extend(attributes.iter().map(|a| prefix(a.1)).filter(|p| !p.is_empty()));
    used.sort_unstable();
    used.dedup();
    out.push(b'<');
    out.extend_from_slice(own.as_bytes());
    let mut now = Rc::clone(written);
    for prefix in used.into_iter().filter(|prefix| *prefix != "xml") {
        let found = node.lookup_namespace_uri(Some(prefix).filter(|p| !p.is_empty())).unwrap_or_default();
        if !prefix.is_empty() && found.is_empty() {
            return Err(Refused::form(format!("namespace `{prefix:.32}` is not declared")));
        }
        if written.get(prefix).copied().unwrap_or_default() == found {
            continue;
        }
        let declared = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        pair(&declared, found, out);
        Rc::make_mut(&mut now).insert(prefix, found);
    }
    for (_, name, attribute) in &attributes {
        pair(name, attribute.value(), out);
    }
    out.push(b'>');
    Ok(now)
}

fn pair(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    for byte in value.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\t' => out.extend_from_slice(b"&#x9;"),
            b'\n' => out.extend_from_slice(b"&#xA;"),
            b'\r' => out.extend_from_slice(b"&#xD;"),
            other => out.push(other),
        }
    }
    out.push(b'"');
}

fn text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'\r' => out.extend_from_slice(b"&#xD;"),
            other => out.push(other),
        }
    }
}

fn instruction(node: Node<'_, '_>, out: &mut Vec<u8>) {
    let Some(pi) = node.pi() else { return };
    out.extend_from_slice(b"<?");
    out.extend_from_slice(pi.target.as_bytes());
    if let Some(value) = pi.value.filter(|value| !value.is_empty()) {
        out.push(b' ');
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(b"?>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> String {
        let parsed = Document::parse(text).expect("XML");
        String::from_utf8(document(&parsed, None).expect("canonical")).expect("text")
    }

    /// By hand from the rules of the recommendation.
    #[test]
    fn the_canonical_form_is_that_of_the_recommendation() {
        for (text, canonical) in [
            ("<?xml version=\"1.0\"?>\n<a  b = 'x'\n/>", "<a b=\"x\"></a>"),
            ("<a><!-- c --><b/>t<![CDATA[<&]]></a>", "<a><b></b>t&lt;&amp;</a>"),
            (
                "<a z='1' y=\"2\" xmlns:p='urn:p' p:b='3'/>",
                "<a xmlns:p=\"urn:p\" y=\"2\" z=\"1\" p:b=\"3\"></a>",
            ),
            (
                "<a b='&lt;&quot;&#9;&#10;&#13;&apos;>'>&#13;&gt;&quot;</a>",
                "<a b=\"&lt;&quot;&#x9;&#xA;&#xD;'>\">&#xD;&gt;\"</a>",
            ),
            ("<?p  d ?><a/><?q?>", "<?p d ?>\n<a></a>\n<?q?>"),
            ("<a b='1\n2'>x\r\ny</a>", "<a b=\"1 2\">x\ny</a>"),
        ] {
            assert_eq!(whole(text), canonical, "{text}");
        }
    }

    #[test]
    fn namespaces_are_written_where_they_are_used_and_no_earlier() {
        let text =
            "<r xmlns='urn:d' xmlns:p='urn:p' xmlns:q='urn:q'><p:a><b xmlns='' q:c='1'/><p:d/></p:a></r>";
        let canonical = "<r xmlns=\"urn:d\"><p:a xmlns:p=\"urn:p\"><b xmlns=\"\" xmlns:q=\"urn:q\" q:c=\"1\"></b><p:d></p:d></p:a></r>";
        assert_eq!(whole(text), canonical);
        let parsed = Document::parse(text).expect("XML");
        let inner = parsed.descendants().find(|n| n.has_tag_name(("urn:p", "d"))).expect("p:d");
        assert_eq!(element(inner).expect("canonical"), b"<p:d xmlns:p=\"urn:p\"></p:d>");
        let a = parsed.descendants().find(|n| n.has_tag_name(("urn:p", "a"))).expect("p:a");
        assert_eq!(document(&parsed, Some(a)).expect("canonical"), b"<r xmlns=\"urn:d\"></r>");
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused_and_so_is_a_dtd() {
        let deep = format!("{}{}", "<a>".repeat(2_000), "</a>".repeat(2_000));
        let parsed = Document::parse(&deep).expect("XML");
        assert!(document(&parsed, None).is_err());
        for bad in ["<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "<a>&e;</a>"] {
            assert!(Document::parse(bad).is_err(), "{bad}");
        }
    }
}
