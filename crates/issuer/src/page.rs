//! The pages of a sign-in: forms without scripts.

use crate::{Person, device::Wish};

fn page(body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Sign in</title></head>\n\
         <body><main><h1>Sign in</h1>\n{body}\n\
         <p>This provider belongs to a demonstration: it asks nobody for a password.</p></main></body></html>\n"
    )
}

/// Where a code is typed; `fault` says why the one before was none.
pub fn ask_code(fault: Option<&str>) -> String {
    let fault = fault.map_or_else(String::new, |text| format!("<p role=\"alert\">{}</p>\n", escape(text)));
    page(&format!(
        "{fault}<form method=\"get\" action=\"device\">\n\
         <p><label for=\"code\">Code that the device shows</label>\n\
         <input id=\"code\" name=\"user_code\" required autocomplete=\"off\" autofocus></p>\n\
         <p><button>Continue</button></p></form>"
    ))
}

/// Who signs in. The code is shown, so that it can be compared with the device's (RFC 8628, 3.3.1).
pub fn choose(typed: &str, wish: &Wish, persons: &[Person]) -> String {
    let options: String = persons
        .iter()
        .enumerate()
        .map(|(n, person)| {
            format!(
                "<p><input type=\"radio\" id=\"p{n}\" name=\"person\" value=\"{}\" required>\n\
                 <label for=\"p{n}\">{}, {}</label></p>\n",
                escape(&person.subject),
                escape(&person.name),
                escape(&person.office)
            )
        })
        .collect();
    page(&format!(
        "<p>The program <strong>{}</strong> asks to act for you. Go on only if it shows the code <strong>{}</strong>.</p>\n\
         <form method=\"post\" action=\"device\">\n<fieldset><legend>Who are you?</legend>\n{options}</fieldset>\n\
         <input type=\"hidden\" name=\"user_code\" value=\"{}\">\n\
         <p><button name=\"decision\" value=\"allow\">Sign in</button>\n\
         <button name=\"decision\" value=\"deny\" formnovalidate>Refuse</button></p></form>",
        escape(&wish.client_id),
        escape(typed),
        escape(typed)
    ))
}

/// The second factor, where the program asked for one.
pub fn second_factor(typed: &str, person: &Person) -> String {
    page(&format!(
        "<p>{}, this sign-in needs a second factor. Here a button stands for it.</p>\n\
         <form method=\"post\" action=\"device\">\n\
         <input type=\"hidden\" name=\"user_code\" value=\"{}\">\n\
         <input type=\"hidden\" name=\"person\" value=\"{}\">\n\
         <input type=\"hidden\" name=\"second_factor\" value=\"confirmed\">\n\
         <p><button name=\"decision\" value=\"allow\">Confirm the second factor</button>\n\
         <button name=\"decision\" value=\"deny\">Refuse</button></p></form>",
        escape(&person.name),
        escape(typed),
        escape(&person.subject)
    ))
}

pub fn done(text: &str) -> String {
    page(&format!("<p role=\"status\">{}</p>", escape(text)))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_text_in_a_page() {
        let wish = Wish { client_id: "<b>".to_owned(), scope: String::new(), step_up: true };
        let page = choose("\"><script>", &wish, &[]);
        assert!(page.contains("&lt;b&gt;") && page.contains("&quot;&gt;&lt;script&gt;"));
        assert!(!page.contains("<script"));
        assert!(ask_code(Some("<i>")).contains("&lt;i&gt;"));
    }
}
