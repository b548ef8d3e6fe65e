//! The page that shows mails side by side. Knows no file but the names of those it links to.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Previewed;

/// The page as HTML. It loads nothing but the mails beside it.
pub(super) fn page(previewed: &[Previewed], faults: &[String]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "The mails of Vigie" }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                h1 { "The mails of Vigie" }
                (faults_box(faults))
                nav {
                    @for Previewed { name, mail } in previewed {
                        a href={ "#" (name) } { b { (name) } span { (mail.subject) } }
                    }
                }
                @for one in previewed { (section(one)) }
            }
        }
    };
    page.into_string()
}

fn faults_box(faults: &[String]) -> Markup {
    html! {
        @if !faults.is_empty() {
            div.faults {
                strong { "Something is wrong with the templates" }
                p { "A mail that an error concerns is written with the built-in ones." }
                ul { @for fault in faults { li { code { (fault) } } } }
            }
        }
    }
}

fn section(Previewed { name, mail }: &Previewed) -> Markup {
    let file = format!("{name}.html");
    html! {
        section id=(name) {
            h2 { (name) }
            p.subject {
                @if mail.urgent { span.urgent title="Importance: high" { "!" } }
                (mail.subject)
            }
            p.files {
                a href=(file) { "HTML" } " " a href={ (name) ".txt" } { "text" } " "
                a href={ (name) ".subject.txt" } { "subject" }
            }
            div.parts {
                figure {
                    figcaption { "HTML in a mail program" }
                    iframe.wide src=(file) loading="lazy" sandbox="" title={ (name) ", wide" } {}
                }
                figure {
                    figcaption { "HTML on a phone" }
                    iframe.phone src=(file) loading="lazy" sandbox="" title={ (name) ", narrow" } {}
                }
                figure {
                    figcaption { "Text" }
                    // A browser drops a line end at the start, so it is given one.
                    pre { "\n" (mail.text) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use vigie_notify::samples;
    use vigie_notify::{Composer, ComposerSettings, Recipient};

    use super::*;

    #[test]
    fn whatever_stands_in_a_mail_stays_text() {
        let composer = Composer::new(ComposerSettings::default()).unwrap();
        let reader = Recipient {
            address: "a@example.com".to_owned(),
            locale: None,
            time_zone: None,
        };
        let sample = samples::missing_full();
        let mut mail = composer
            .preview(&sample.job, None, sample.now, &reader)
            .unwrap();
        mail.subject = "<script>alert(1)</script>".to_owned();
        mail.text = "</pre><img src=x>".to_owned();
        let name = "\"><u>".to_owned();
        let page = page(&[Previewed { name, mail }], &["<i>".to_owned()]);
        for raw in ["<script", "<img", "\"><u>", "<i>", "http:", "https:"] {
            assert!(!page.contains(raw), "{raw} in {page}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)"));
    }
}
