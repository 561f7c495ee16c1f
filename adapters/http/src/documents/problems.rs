//! What each problem means, for people: the page that `type` leads to.

use std::fmt::Write;

use crate::problem::Code;

/// The page. Nothing in it comes from outside.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Problems · Portcullis</title>\n\
         <link rel=\"stylesheet\" href=\"docs.css\">\n</head>\n<body>\n<main class=\"problems\">\n\
         <p><a href=\"../docs\">Portcullis API</a></p>\n<h1>Problems</h1>\n\
         <p>Every refusal of <code>/api/v1</code> is a problem (RFC 9457). Its <code>code</code> is one of these.</p>\n",
    );
    for code in Code::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "<section id=\"{slug}\">\n<h2><code>{slug}</code> <span class=\"status\">{status}</span></h2>\n\
             <p class=\"title\">{title}.</p>\n<p>{help}</p>\n</section>",
            slug = code.slug(),
            status = code.status().as_u16(),
            title = escaped(code.title()),
            help = marked(code.help()),
        );
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text between backquotes becomes code.
fn marked(text: &str) -> String {
    let parts = escaped(text);
    let mut parts = parts.split('`').enumerate();
    parts.by_ref().fold(
        String::new(),
        |html, (n, part)| {
            if n % 2 == 1 { format!("{html}<code>{part}</code>") } else { html + part }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_its_anchor() {
        let page = page();
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"{}\"", code.slug())), "{}", code.slug());
        }
        assert!(!page.contains('`'));
    }
}
