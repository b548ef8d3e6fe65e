//! The helper that writes a list as a table. Knows no list.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonValue, Output, RenderContext,
    RenderErrorReason, html_escape,
};

use unicode_width::UnicodeWidthStr as _;

use super::prose::filled;
use super::{Format, is_nothing, present};

const GAP: &str = "  ";

const HEAD: &str = "<th scope=\"col\" class=\"heading line\" align=\"left\" style=\"padding:7px 12px \
                    7px 0;border-bottom:1px solid #dfe3e8;color:#55606e;font-weight:normal;\
                    text-align:left\">";

const CELL: &str = "<td class=\"cell line\" valign=\"top\" style=\"padding:7px 12px 7px 0;\
                    border-bottom:1px solid #dfe3e8;color:#1d2939;overflow-wrap:anywhere\">";

pub(super) fn register(registry: &mut Handlebars<'static>, format: Format) {
    registry.register_helper("table", Box::new(TableHelper(format)));
}

/// Writes a list of objects as a table, a column for each pair of a field and a heading.
struct TableHelper(Format);

impl HelperDef for TableHelper {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let list = present(helper, "table")?
            .as_array()
            .ok_or_else(|| RenderErrorReason::Other("`table` takes a list".to_owned()))?;
        let names: Vec<&str> = helper
            .params()
            .iter()
            .skip(1)
            .filter_map(|name| name.value().as_str())
            .collect();
        let columns: Vec<(&str, &str)> = names
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect();
        if columns.is_empty() || helper.params().len() != 1 + 2 * columns.len() {
            let problem = "`table` takes a list, then a field and a heading for each column";
            return Err(RenderErrorReason::Other(problem.to_owned()).into());
        }
        let heads = columns.iter().map(|(_, heading)| (*heading).to_owned());
        let mut rows = vec![heads.collect::<Vec<String>>()];
        for item in list {
            let mut row = Vec::new();
            for (field, _) in &columns {
                let value = item.get(field).ok_or_else(|| {
                    RenderErrorReason::Other(format!("`table` finds no field `{field}`"))
                })?;
                row.push(cell(value));
            }
            rows.push(row);
        }
        out.write(&match self.0 {
            Format::Text => text(&rows),
            Format::Html => html(&rows),
        })?;
        Ok(())
    }
}

fn cell(value: &JsonValue) -> String {
    match value {
        value if is_nothing(value) => "-".to_owned(),
        JsonValue::String(text) => text.lines().collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn text(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].width());
        widths.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells.map(|(cell, &width)| filled(cell, width)).collect();
        text.push_str(cells.join(GAP).trim_end());
        text.push('\n');
    }
    text
}

fn html(rows: &[Vec<String>]) -> String {
    let mut html = "<table width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
                    style=\"border-collapse:collapse;font-size:15px\">\n"
        .to_owned();
    for (index, row) in rows.iter().enumerate() {
        let (start, end) = if index == 0 {
            (HEAD, "</th>")
        } else {
            (CELL, "</td>")
        };
        let cells = row
            .iter()
            .map(|cell| format!("{start}{}{end}", html_escape(cell)));
        html.push_str("<tr>");
        html.extend(cells);
        html.push_str("</tr>\n");
    }
    html + "</table>\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(format: Format, template: &str) -> Result<String, handlebars::RenderError> {
        let context = json!({"jobs": [
            {"database": "XAFRIC_2025", "size": 12},
            {"database": "A<b", "size": null},
        ]});
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        register(&mut registry, format);
        registry.render_template(template, &context)
    }

    const TABLE: &str = "{{table jobs \"database\" \"Database\" \"size\" \"Size\"}}";

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_in_text() {
        assert_eq!(
            render(Format::Text, TABLE).unwrap(),
            "Database     Size\nXAFRIC_2025  12\nA<b          -\n"
        );
    }

    #[test]
    fn cells_are_escaped_in_html() {
        let html = render(Format::Html, TABLE).unwrap();
        assert!(html.contains(">A&lt;b</td>"), "{html}");
        assert_eq!(html.matches("<tr>").count(), 3);
    }

    #[test]
    fn a_field_that_is_misspelt_or_a_column_without_a_heading_is_an_error() {
        for template in [
            "{{table jobs \"databse\" \"Database\"}}",
            "{{table jobs \"database\"}}",
            "{{table jobs}}",
            "{{table jbos \"database\" \"Database\"}}",
        ] {
            assert!(render(Format::Text, template).is_err(), "{template}");
        }
    }
}
