//! Helpers that an embedding program brings. Knows none of ours.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, RenderContext, RenderError, RenderErrorReason,
    ScopedJson,
};
use serde_json::Value;

type Write = dyn Fn(&[Value]) -> Result<String, String> + Send + Sync;

/// A function that writes its arguments in words.
#[derive(Clone)]
pub(crate) struct OwnHelper {
    name: String,
    write: Arc<Write>,
}

impl OwnHelper {
    pub(crate) fn new(
        name: String,
        write: impl Fn(&[Value]) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        let write = Arc::new(write);
        Self { name, write }
    }
}

impl fmt::Debug for OwnHelper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("OwnHelper")
            .field(&self.name)
            .finish()
    }
}

impl HelperDef for OwnHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let mut arguments = Vec::new();
        for argument in helper.params() {
            if argument.is_value_missing() {
                let variable = argument.relative_path().cloned();
                return Err(RenderErrorReason::MissingVariable(variable).into());
            }
            arguments.push(argument.value().clone());
        }
        // A panic in it must not take the alert with it.
        let written = catch_unwind(AssertUnwindSafe(|| (self.write)(&arguments)))
            .unwrap_or_else(|_| Err("it panicked".to_owned()))
            .map_err(|problem| RenderErrorReason::Other(format!("`{}`: {problem}", self.name)))?;
        Ok(ScopedJson::Derived(written.into()))
    }
}
