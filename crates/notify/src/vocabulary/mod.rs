//! The helpers that templates can call. Knows no mail and no sentence.
//!
//! What each one does is said once, in [`HELPERS`], from which people read it too. A value that does
//! not exist at all, which is one that is misspelt, is an error in each of them.

mod digest;
mod documentation;
mod examples;
mod prose;
mod table;
mod value;

use std::sync::Arc;

use handlebars::{Handlebars, Helper, JsonValue, RenderError, RenderErrorReason};

pub use documentation::{ArgumentKind, HANDLEBARS_HELPERS, HELPERS, HelperDocumentation};
pub use examples::{HelperExample, HelperExampleError, helper_examples};

use crate::wording::Wording;

/// Which part of a mail a template writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// HTML: values are escaped, lines are broken by the reader's program.
    Html,
    /// Plain text: values are as they are, lines are broken here.
    Text,
}

/// Makes the helpers known to the templates of one language and one part.
pub(crate) fn register(registry: &mut Handlebars<'static>, wording: &Arc<Wording>, format: Format) {
    value::register(registry, wording);
    digest::register(registry, format);
    prose::register(registry, format);
    table::register(registry, format);
}

/// The helper's first argument, which must exist although it may be null.
fn present<'helper>(
    helper: &'helper Helper<'_>,
    name: &'static str,
) -> Result<&'helper JsonValue, RenderError> {
    present_at(helper, name, 0)
}

/// The same for any argument.
fn present_at<'helper>(
    helper: &'helper Helper<'_>,
    name: &'static str,
    index: usize,
) -> Result<&'helper JsonValue, RenderError> {
    let argument = helper
        .param(index)
        .ok_or(RenderErrorReason::ParamNotFoundForIndex(name, index))?;
    if argument.is_value_missing() {
        let variable = argument.relative_path().cloned();
        return Err(RenderErrorReason::MissingVariable(variable).into());
    }
    Ok(argument.value())
}

/// Whether there is nothing to write: null, or text without a word.
fn is_nothing(value: &JsonValue) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}
